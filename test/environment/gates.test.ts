import { describe, expect, it } from "vitest";
import { noGates } from "../../src/environment/gates.ts";
import { parseWindow } from "../../src/environment/read-window.ts";
import { resolvedDocument } from "../../src/environment/resolved-document.ts";
import { minimal, mistakes, readText, warnings } from "./read.ts";

const stages = (gates: string) => `${minimal}stages:\n  test: {}\n  prod:\n    gates: ${gates}\n`;

async function gatesOf(gates: string) {
  const result = await readText(stages(gates));
  expect(mistakes(result)).toEqual([]);
  return result.environment?.stages[1]?.gates;
}

const whole = `
      soak: 1h30m
      approvals: { count: 2, by: [ada, grace, linus], not_author: true }
      window: ["Mon-Fri 09:00-17:00 Europe/Berlin", Sat 10:00-12:00 UTC]
      freezes:
        - { from: 2026-12-20, to: 2027-01-02T12:00, zone: Europe/Berlin, reason: Christmas }
        - { from: 2026-07-01T08:00, to: 2026-07-03, zone: UTC }
      max_age: 14d
      git: { clean: true, branches: [main, "release/*"], signed: true }
      image:
        non_root: true
        no_latest_base: true
        max_size: 500m
        vulnerabilities: { max: { critical: 0, high: 3 }, max_age: 7d }
        sbom: { forbid: ["log4j*"], licenses: { forbid: ["AGPL-*"] } }
      provenance: true
      overridable: [window, soak, image.sbom]`;

describe("gates", () => {
  it("are read with all that they have", async () => {
    const utc = (text: string) => Date.parse(`${text}:00Z`);
    expect(await gatesOf(whole)).toEqual({
      soak: 5_400_000,
      approvals: { count: 2, by: ["ada", "grace", "linus"], notAuthor: true },
      windows: [
        {
          text: "Mon-Fri 09:00-17:00 Europe/Berlin",
          days: [1, 2, 3, 4, 5],
          times: [{ from: 540, to: 1020 }],
          zone: "Europe/Berlin",
        },
        { text: "Sat 10:00-12:00 UTC", days: [6], times: [{ from: 600, to: 720 }], zone: "UTC" },
      ],
      freezes: [
        { from: utc("2026-12-20T00:00"), to: utc("2027-01-02T12:00"), zone: "Europe/Berlin", reason: "Christmas" },
        { from: utc("2026-07-01T08:00"), to: utc("2026-07-04T00:00"), zone: "UTC", reason: "" },
      ],
      maxAge: 14 * 86_400_000,
      git: { clean: true, branches: ["main", "release/*"], signed: true },
      image: {
        nonRoot: true,
        noLatestBase: true,
        maxSize: { bytes: 500 * 1024 * 1024, text: "500m" },
        vulnerabilities: { max: { critical: 0, high: 3 }, maxAge: 7 * 86_400_000 },
        sbom: { required: true, forbid: ["log4j*"], forbidLicenses: ["AGPL-*"] },
      },
      provenance: true,
      overridable: ["window", "soak", "image.sbom"],
    });
  });

  it("are none where nothing is said, and short where little is", async () => {
    expect((await readText(`${minimal}stages: { test: {}, prod: {} }\n`)).environment?.stages[1]?.gates).toBe(noGates);
    expect(await gatesOf("{ approvals: 2, window: Mon 10:00-11:00 UTC }")).toMatchObject({
      ...{ approvals: { count: 2, by: undefined, notAuthor: false }, windows: [{ days: [1] }], overridable: [] },
    });
  });

  it("are shown by `envctl config` in the words of the file", async () => {
    const { environment } = await readText(stages(whole));
    if (!environment) throw new Error("no environment");
    const shown = JSON.stringify(resolvedDocument(environment, "prod"));
    for (const text of [
      ...['"soak":"1h30m"', '"by":["ada","grace","linus"]', '"not_author":true', '"from":"2026-12-20T00:00"'],
      ...['"to":"2026-07-04T00:00"', '"max_size":"500m"', '"max":{"critical":0,"high":3},"max_age":"7d"'],
      ...['"licenses":{"forbid":["AGPL-*"]}', '"provenance":true', '"overridable":["window","soak","image.sbom"]'],
    ]) {
      expect(shown).toContain(text);
    }
    // What `config` prints can be put into a file again.
    const document = resolvedDocument(environment, "prod") as { stages: { prod: { gates: object } } };
    expect(await gatesOf(JSON.stringify(document.stages.prod.gates))).toEqual(environment.stages[1]?.gates);
  });

  it.each<[string, string, RegExp]>([
    [
      "a key that nobody knows",
      "{ soakk: 1h }",
      /^6:14 unknown key `soakk`; did you mean `soak`\? \| allowed here: soak,/,
    ],
    ["no duration", "{ soak: 60 }", /^6:20 a text is wanted here/],
    ["a duration without a unit", '{ soak: "60" }', /^6:20 "60" is no duration.*did you mean `60s`\?/],
    ["a gate that is none", "{ overridable: [windows] }", /^6:28 "windows" is not allowed; did you mean `window`\?/],
    ["too few who may approve", "{ approvals: { count: 2, by: [ada] } }", /^6:34 2 must approve, but only 1 may/],
    ["no count", "{ approvals: { by: [ada] } }", /`count` is missing/],
    [
      "a window without a zone",
      '{ window: "Mon-Fri 09:00-17:00" }',
      /^6:22 "Mon-Fri 09:00-17:00" does not say whose clock/,
    ],
    [
      "a zone that is none",
      '{ window: "Mon 09:00-17:00 Berlin" }',
      /^6:22 there is no time zone "Berlin"; did you mean "Europe\/Berlin"\?/,
    ],
    ["a zone with a slip", '{ window: "09:00-17:00 Europe/Berlim" }', /did you mean "Europe\/Berlin"\?/],
    [
      "a day that is none",
      '{ window: "Mon-Fry 09:00-17:00 UTC" }',
      /^6:22 "Fry" is no day of the week; did you mean "Fri"\?/,
    ],
    ["a time that is none", '{ window: "Mon 09:00-25:00 UTC" }', /^6:22 "09:00-25:00" is no time of the day/],
    ["no time at all", '{ window: "Mon 09:00-09:00 UTC" }', /a whole day is 00:00-24:00/],
    ["one window of several", '{ window: ["Mon 09:00-10:00 UTC", "x"] }', /^6:46 "x" is no window/],
    [
      "a freeze that ends first",
      "{ freezes: [{ from: 2026-12-20, to: 2026-12-19, zone: UTC }] }",
      /^6:48 the freeze ends before it begins/,
    ],
    [
      "a day that there is not",
      "{ freezes: [{ from: 2026-02-30, to: 2026-12-19, zone: UTC }] }",
      /^6:32 "2026-02-30" is no day that there is/,
    ],
    [
      "a freeze by an offset",
      "{ freezes: [{ from: 2026-02-01T00:00Z, to: 2026-12-19, zone: UTC }] }",
      /leave the offset away/,
    ],
    ["a freeze of no zone", "{ freezes: [{ from: 2026-02-01, to: 2026-12-19 }] }", /`zone` is missing/],
    ["a size without a unit", "{ image: { max_size: 500 } }", /^6:33 "500" is no size.*did you mean `500m`\?/],
    [
      "a severity that is none",
      "{ image: { vulnerabilities: { max: { hgih: 1 } } } }",
      /unknown key `hgih`; did you mean `high`\?/,
    ],
  ])("%s is a mistake, at its place", async (_, gates, expected) => {
    expect(mistakes(await readText(stages(gates))).join("\n")).toMatch(expected);
  });

  it("make no sense on a first stage, and that is said", async () => {
    const result = await readText(`${minimal}stages: { dev: { gates: { soak: 1h } }, test: {} }\n`);
    expect(mistakes(result)).toEqual([
      expect.stringMatching(/^3:18 `dev` is a first stage: nothing is promoted to it.* \| put them into a stage/),
    ]);
  });

  it("warn of approvals that nobody could give, and of keys that are not there", async () => {
    expect(warnings(await readText(stages("{ approvals: 1 }"))).join()).toMatch(
      /^6:14 approvals need keys.*envctl keys init/,
    );
    const files = { ".envctl/keys/ada.pub": "", ".envctl/keys/grace.pub": "" };
    const result = await readText(stages("{ approvals: { count: 1, by: [ada, gracy] } }"), {}, { files });
    expect(mistakes(result)).toEqual([]);
    expect(warnings(result)).toEqual([
      "6:47 there is no key `gracy` in .envctl/keys; did you mean `grace`? | there are: ada, grace",
    ]);
  });
});

it("a window over the end of the week, and one of every day", () => {
  expect(parseWindow("fri-MON 9:00-10:00 UTC")).toMatchObject({ days: [0, 1, 5, 6] });
  expect(parseWindow("Monday,wednesday 09:00-10:00,22:00-04:00 UTC")).toMatchObject({
    ...{
      days: [1, 3],
      times: [
        { from: 540, to: 600 },
        { from: 1320, to: 240 },
      ],
    },
  });
  expect(parseWindow("09:00-24:00 UTC")).toMatchObject({
    days: [0, 1, 2, 3, 4, 5, 6],
    times: [{ from: 540, to: 1440 }],
  });
});
