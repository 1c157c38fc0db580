import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/base/digest.ts";
import type { Duration } from "../../../src/base/duration.ts";
import { type Gates, noGates } from "../../../src/environment/gates.ts";
import type { ImageFacts } from "../../../src/plan/gates/facts.ts";
import { readReport } from "../../../src/plan/reports/read-report.ts";
import { asDuration, hour, judged } from "./facts.ts";

describe("image", () => {
  const file = (name: string) =>
    readReport(readFileSync(new URL(`../../promotion/fixtures/reports/${name}.json`, import.meta.url), "utf8"));
  const platform = (name: string, more: object = {}) => ({ platform: name, user: "node", size: 100, ...more });
  const image = (more: Partial<ImageFacts>): { image: ImageFacts } => ({
    image: {
      platforms: [platform("linux/amd64")],
      programs: [{ name: "app", user: undefined }],
      reports: [],
      unreadable: [],
      ...more,
    },
  });
  const attached = (name: string, where?: string) => file(name).map((report) => ({ report, platform: where }));
  const two = [platform("linux/amd64"), platform("linux/arm64")];
  const rules = (more: Partial<Gates["image"]>) => ({ image: { ...noGates.image, ...more } });

  it.each<[string, string | undefined, boolean]>([
    ...["", "root", "0", "0:0", "root:staff", "00", ":1000"].map((user) => [user, undefined, false] as const),
    ...["node", "1000", "1000:0", "10"].map((user) => [user, undefined, true] as const),
    ["", "1000", true],
    ["node", "root", false],
  ] as [string, string | undefined, boolean][])("non_root: image %j, file %j: %s", (user, own, open) => {
    const found = image({ platforms: [platform("linux/amd64", { user })], programs: [{ name: "app", user: own }] });
    expect(judged("image.non_root", rules({ nonRoot: true }), found).open).toBe(open);
  });

  it("non_root: of every program on every platform", () => {
    const platforms = [platform("linux/amd64"), platform("linux/arm64", { user: "" })];
    const programs = [
      { name: "app", user: "1000" },
      { name: "mailer", user: undefined },
    ];
    expect(judged("image.non_root", rules({ nonRoot: true }), image({ platforms, programs }))).toMatchObject({
      ...{ open: false, found: "root runs mailer on linux/arm64" },
    });
  });

  it("no_latest_base: as the provenance tells, unless it is pinned", () => {
    const of = (...bases: string[]) => ({
      provenance: { digest: digestOf("p"), signer: "ada", bases, finishedAt: undefined, differs: [] },
    });
    const rule = rules({ noLatestBase: true });
    const pinned = `node:latest@${digestOf("node")}`;
    expect(judged("image.no_latest_base", rule, of("docker.io/library/node:20", pinned)).open).toBe(true);
    expect(judged("image.no_latest_base", rule, of()).open).toBe(true);
    for (const base of ["node", "node:latest", "docker.io/library/node:latest", "registry:5000/node", "???"]) {
      expect(judged("image.no_latest_base", rule, of("alpine:3", base))).toMatchObject({
        ...{ open: false, found: `based on ${base}` },
      });
    }
    expect(judged("image.no_latest_base", rule)).toMatchObject({
      open: false,
      found: expect.stringMatching(/provenance/),
    });
  });

  it("max_size: of each platform", () => {
    const limit = { bytes: 150 as NonNullable<Gates["image"]["maxSize"]>["bytes"], text: "150b" };
    const rule = rules({ maxSize: limit });
    expect(judged("image.max_size", rule, image({ platforms: two })).open).toBe(true);
    const platforms = [platform("linux/amd64"), platform("linux/arm64", { size: 151 })];
    expect(judged("image.max_size", rule, image({ platforms }))).toMatchObject({
      ...{ open: false, found: "100 B on linux/amd64, 151 B on linux/arm64, of 150b (150 B)" },
    });
  });

  describe("vulnerabilities", () => {
    const ask = (max: object, more: Partial<ImageFacts>, maxAge?: Duration) =>
      judged("image.vulnerabilities", rules({ vulnerabilities: { max, maxAge } }), image(more));

    it("are counted, and those that are too many are named", () => {
      const reports = attached("trivy");
      expect(ask({ critical: 1, high: 2 }, { reports })).toMatchObject({
        ...{ open: true, found: "trivy: 1 critical of 1, 2 high of 2 (5d2h old)" },
      });
      expect(ask({ critical: 0, high: 2 }, { reports })).toMatchObject({
        ...{ open: false, missing: "mend CVE-2024-3094, build that, and have it scanned" },
      });
      expect(ask({ low: 0 }, { reports }).open).toBe(true);
      expect(ask({ unknown: 0 }, { reports }).open).toBe(false);
    });

    it("need a report: without one, or with one that nobody can read, it is closed", () => {
      expect(ask({ critical: 0 }, {})).toMatchObject({ open: false, found: "no vulnerability report is attached" });
      const unreadable = ["application/vnd.cyclonedx+xml in a form that is not read"];
      expect(ask({ critical: 0 }, { unreadable, reports: attached("spdx") })).toMatchObject({
        open: false,
        found: `no vulnerability report that counts: ${unreadable[0]}`,
      });
    });

    it("are those of each tool's newest report, and the worst tool decides", () => {
      // SARIF of Trivy is newer than its JSON.
      const reports = [...attached("sarif"), ...attached("trivy"), ...attached("grype")];
      expect(ask({ high: 2 }, { reports })).toMatchObject({
        open: true,
        found: expect.stringMatching(/^trivy: 2 high.*grype: 1 high/),
      });
      expect(ask({ medium: 0 }, { reports })).toMatchObject({
        open: false,
        missing: expect.stringMatching(/CVE-2020-0002/),
      });
    });

    it("may not be old where the file says so", () => {
      const reports = [...attached("trivy"), ...attached("grype")];
      const days = (count: number) => asDuration(count * 24 * hour);
      expect(ask({ high: 1 }, { reports }, days(5))).toMatchObject({
        open: true,
        found: "grype: 1 high of 1 (4d2h old)",
      });
      expect(ask({ high: 9 }, { reports }, days(3))).toMatchObject({
        open: false,
        found: "no vulnerability report that counts: trivy's is 5d2h old, of 3d, grype's is 4d2h old, of 3d",
      });
      const undated = reports.map(({ report }) => ({
        report: { ...report, at: undefined } as typeof report,
        platform: undefined,
      }));
      expect(ask({ high: 9 }, { reports: undated }, days(3)).open).toBe(false);
    });

    it("are asked of each platform, unless a report is about the whole", () => {
      const reports = attached("grype", "linux/amd64");
      expect(ask({ high: 1 }, { platforms: two, reports })).toMatchObject({
        ...{ open: false, found: "no vulnerability report of linux/arm64 is attached" },
      });
      expect(
        ask({ high: 1 }, { platforms: two, reports: [...reports, ...attached("grype", "linux/arm64")] }).open,
      ).toBe(true);
      expect(ask({ high: 1 }, { platforms: two, reports: attached("grype") }).open).toBe(true);
    });
  });

  describe("sbom", () => {
    const ask = (more: Partial<ImageFacts>, rule: object = {}) =>
      judged("image.sbom", rules({ sbom: { required: true, forbid: [], forbidLicenses: [], ...rule } }), image(more));

    it("is there for each platform, where it must be", () => {
      expect(ask({})).toMatchObject({ open: false, found: "no list of packages (SBOM) is attached" });
      expect(ask({}, { required: false }).open).toBe(true);
      expect(ask({ reports: attached("spdx") })).toMatchObject({ open: true, found: "3 packages in SPDX" });
      const reports = attached("spdx", "linux/arm64");
      expect(ask({ platforms: two, reports })).toMatchObject({
        open: false,
        found: expect.stringMatching(/of linux\/amd64/),
      });
    });

    it("has none of the packages and licenses that are forbidden", () => {
      const reports = [...attached("cyclonedx"), ...attached("spdx")];
      expect(ask({ reports }, { forbid: ["log4j-core@2.14*", "@babel/*"] })).toMatchObject({
        open: false,
        found: "6 packages in CycloneDX, SPDX: org.apache.logging.log4j/log4j-core@2.14.1, @babel/core@7.24.0",
      });
      expect(ask({ reports }, { forbidLicenses: ["GPL-3.0*"] })).toMatchObject({
        ...{ open: false, found: expect.stringMatching(/: libhistory \(GPL-3.0-or-later\)$/) },
      });
      expect(ask({ reports }, { forbid: ["log4j-core@2.17*"], forbidLicenses: ["AGPL-*"] }).open).toBe(true);
    });
  });
});
