import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { minimal, mistakes, readText, warnings } from "./read.ts";

const dev = "stages: { dev: {} }\n";

describe("a mistake is shown at its place", () => {
  it.each<[string, string, RegExp]>([
    [
      "an unknown key, with the one that was meant",
      `${minimal}stages:\n  dev:\n    replcas: 2\n`,
      /^5:5 unknown key `replcas`; did you mean `replicas`\? \| allowed here: after, hosts/,
    ],
    [
      "a key that belongs in a map beside it",
      `${minimal}stages: { dev: { strategy: blue-green } }\n`,
      /^3:18 unknown key `strategy`; did you mean `rollout.strategy`\? \| allowed here: after/,
    ],
    [
      "a key that belongs in another section",
      `${minimal}domain: example.org\nstages: { dev: { dockerfile: Dockerfile.dev } }\n`,
      /^3:1 unknown key `domain`; did you mean `stages.<name>.domain`\?[^\n]*\n4:18 unknown key `dockerfile`; did you mean `image.dockerfile`\?/,
    ],
    [
      "a key that is in a list of another section alone",
      `${minimal}stages: { dev: { webhook: "https://example.org" } }\n`,
      /^3:18 unknown key `webhook` \| allowed here/,
    ],
    ["a missing key", "image: { repository: shop }\nstages: { dev: {} }\n", /^1:1 `name` is missing/],
    ["a missing key in a section", `name: shop\nimage: {}\n${dev}`, /^2:1 `repository` is missing in `image`/],
    [
      "a wrong type",
      `${minimal}app: { port: eighty }\n${dev}`,
      /^3:14 a whole number is wanted here, but this is the text "eighty"/,
    ],
    [
      "a wrong choice",
      `${minimal}stages: { dev: { rollout: { on_failure: rolback } } }\n`,
      /^3:41 "rolback" is not allowed; did you mean `rollback`\? \| allowed: rollback, stop/,
    ],
    [
      "a map where a choice is",
      `${minimal}stages: { dev: { rollout: { strategy: { canary: 10% } } } }\n`,
      /^3:39 one of a few words is wanted here, but this is a map \| allowed: rolling, blue-green, /,
    ],
    [
      "a list of maps where a choice is",
      `${minimal}dev: { sync: [{ path: src, action: sync }] }\n${dev}`,
      /^3:14 one of a few words is wanted here, but this is a list \| allowed: infer, none/,
    ],
    [
      "a wrong choice that other keys go by",
      `${minimal}dev: { rules: [{ path: src, target: /app, action: snyc, run: make }] }\n${dev}`,
      /^3:51 "snyc" is not allowed; did you mean `sync`\? \| allowed: sync, /,
    ],
    [
      "a freeze that begins at no time",
      `${minimal}stages: { dev: {}, test: { gates: { freezes: [{ from: 2026, to: "2026-02-01", zone: UTC }] } } }\n`,
      /^3:55 a text is wanted here, but this is the number 2026/,
    ],
    [
      "an address of a host that is no text",
      `${minimal}stages: { dev: { hosts: [{ address: 10 }] } }\n`,
      /^3:37 a text is wanted here, but this is the number 10 [^\n]*$/,
    ],
    [
      "a duration without a unit",
      `${minimal}app: { stop: { grace: "30" } }\n${dev}`,
      /^3:23 "30" is no duration.* \| did you mean `30s`\?/,
    ],
    [
      "too little memory",
      `${minimal}app: { resources: { memory: 512 } }\n${dev}`,
      /^3:29 "512" is too little memory.*did you mean `512m`/,
    ],
    [
      "a port that is none",
      `${minimal}stages: { dev: { ports: ["8080"] } }\n`,
      /^3:26 "8080" is no port to publish \| did you mean "8080:8080"\?/,
    ],
    [
      "a notification that goes nowhere, or to two",
      `${minimal}notify: [{ webhook: "https://a", command: [x] }]
${dev}`,
      /^3:10 a notification goes to a `webhook` or to a `command`: exactly one/,
    ],
    [
      "an address of a web hook that is none, without showing it",
      `${minimal}notify: [{ webhook: "file:///hush" }]
${dev}`,
      /^3:21 this is no address of a web hook \| such as https:/,
    ],
    [
      "a secret for a command that gets no signature",
      `${minimal}notify: [{ command: [x], secret: KEY }]
${dev}`,
      /^3:26 `secret` is for a `webhook`/,
    ],
    [
      "an event that is none",
      `${minimal}notify: [{ command: [x], on: [promoted] }]
${dev}`,
      /^3:31 "promoted" is not allowed; did you mean `promote`/,
    ],
    [
      "a stage that nobody can be told of",
      `${minimal}notify: [{ command: [x], stages: [dve] }]
${dev}`,
      /^3:35 there is no stage `dve`; did you mean `dev`/,
    ],
    [
      "a first stage that follows nothing",
      `${minimal}stages: { dev: { auto: true } }\n`,
      /^3:24 a first stage is built from the sources: of a branch, or of tags \| such as/,
    ],
    [
      "a later stage that follows a branch",
      `${minimal}stages: { dev: {}, test: { auto: { branch: main } } }\n`,
      /^3:36 a release comes here by promotion/,
    ],
    [
      "a branch that git would take for an option",
      `${minimal}stages: { dev: { auto: { branch: --all } } }\n`,
      /^3:34 "--all" is no name of a branch$/,
    ],
    ["a port out of range", `${minimal}stages: { dev: { ports: ["80:99999"] } }\n`, /^3:26 "80:99999" is no port/],
    [
      "a host without a scheme",
      `${minimal}stages: { dev: { hosts: deploy@example.com } }\n`,
      /^3:25 "deploy@example.com" is no address of a host \| did you mean `ssh:\/\/deploy@example.com`/,
    ],
    [
      "a host that would be an option",
      `${minimal}stages: { dev: { hosts: "ssh://-oProxyCommand=ls" } }\n`,
      /^3:25 .*is no address of a host/,
    ],
    ["a host twice", `${minimal}stages: { dev: { hosts: [local, local] } }\n`, /^3:33 the host local is there twice/],
    [
      "an upper-case repository",
      `name: shop\nimage: { repository: Team/App_ }\n${dev}`,
      /^2:22 "Team\/App_" is no name of a repository/,
    ],
    [
      "a repository with a tag",
      `name: shop\nimage: { repository: "shop:1" }\n${dev}`,
      /^2:22 .*leave the tag or digest away/,
    ],
    [
      "a stage that is not there",
      `${minimal}stages:\n  dev: {}\n  prod: { after: de }\n`,
      /^5:18 there is no stage `de`; did you mean `dev`\?/,
    ],
    [
      "a circle",
      `${minimal}stages:\n  dev: { after: prod }\n  prod: { after: dev }\n`,
      /^4:17 the stages run in a circle: dev → prod → dev/,
    ],
    [
      "a stage after itself",
      `${minimal}stages:\n  dev: { after: dev }\n`,
      /^4:17 the stages run in a circle: dev → dev/,
    ],
    [
      "the same port twice on one host",
      `${minimal}stages:\n  dev: { ports: ["80:80"] }\n  test: { ports: ["127.0.0.1:80:1"] }\n`,
      /^5:19 port 80 of local is taken by stage dev already/,
    ],
    [
      "replicas that share a port",
      `${minimal}stages: { dev: { replicas: 2, ports: ["80:80"] } }\n`,
      /^3:28 2 containers cannot share a published port/,
    ],
    ["a check without a port", `${minimal}app: { health: { path: /up } }\n${dev}`, /^3:16 this check needs a port/],
    [
      "two kinds of check",
      `${minimal}app: { port: 1, health: { path: /, command: x } }\n${dev}`,
      /^3:25 only one of `path` and `command`/,
    ],
    [
      "a relative volume",
      `${minimal}app: { volumes: ["./data:/data"] }\n${dev}`,
      /^3:18 "\.\/data:\/data" is no volume \| hosts do not have/,
    ],
    [
      "an image reference that is none",
      `${minimal}services: { db: { image: "Postgres:16:1" } }\n${dev}`,
      /^3:26 .* is no image reference/,
    ],
    [
      "a service called app",
      `${minimal}services: { app: { image: x:1 } }\n${dev}`,
      /^3:13 a service cannot be called `app`/,
    ],
    [
      "a worker called as a service",
      `${minimal}services: { mail: { image: x:1 } }\nworkers: { mail: { command: x } }\n${dev}`,
      /^4:12 there is a service `mail` already/,
    ],
    [
      "a worker without a command",
      `${minimal}workers: { mail: { replicas: 2 } }\n${dev}`,
      /^3:12 `command` is missing in `workers.mail`/,
    ],
    [
      "a worker of a stage that is none",
      `${minimal}workers: { mail: { command: x, stages: [deb] } }\n${dev}`,
      /^3:41 there is no stage `deb`; did you mean `dev`\?/,
    ],
    [
      "a service of a stage that is none",
      `${minimal}services: { db: { image: "x:1", stages: [deb] } }\n${dev}`,
      /^3:42 there is no stage `deb`; did you mean `dev`\?/,
    ],
    [
      "a file that is not there",
      `${minimal}stages: { dev: { env_file: no.env } }\n`,
      /^3:28 no\.env: there is no such file/,
    ],
    [
      "a variable that is not set",
      `${minimal}app: { env: { A: "x\${HOMEE}" } }\n${dev}`,
      /^3:20 `HOMEE` is not set \| did you mean `HOME`\?/,
    ],
    [
      "a required variable, with its own words",
      `${minimal}app: { env: { A: "\${X:?ask the boss}" } }\n${dev}`,
      /^3:19 `X` is not set: ask the boss/,
    ],
    [
      "an open quote in a command",
      `${minimal}app: { command: "sh -c 'x" }\n${dev}`,
      /^3:17 a quote is opened and not closed/,
    ],
    [
      "an unknown key of dev",
      `${minimal}dev: { sinc: infer }\n${dev}`,
      /^3:8 unknown key `sinc`; did you mean `sync`\? \| allowed here: sync, rules, command/,
    ],
    [
      "a way to sync that is none",
      `${minimal}dev: { sync: inferr }\n${dev}`,
      /^3:14 "inferr" is not allowed; did you mean `infer`/,
    ],
    [
      "a rule without an action",
      `${minimal}dev: { rules: [{ path: src }] }\n${dev}`,
      /^3:16 `action` is missing in `dev.rules\[0\]`/,
    ],
    [
      "an unknown key of a rule",
      `${minimal}dev: { rules: [{ path: a, action: sync, to: /a }] }\n${dev}`,
      /^3:41 unknown key `to`/,
    ],
    [
      "a target that is not absolute",
      `${minimal}dev: { rules: [{ path: a, action: sync, target: app/a }] }\n${dev}`,
      /^3:49 "app\/a" is no absolute path \| did you mean `\/app\/a`\?/,
    ],
    [
      "a target that climbs",
      `${minimal}dev: { rules: [{ path: a, action: sync, target: /app/../b }] }\n${dev}`,
      /^3:49 .* has `\.\.` in it/,
    ],
    [
      "a target of a rebuild",
      `${minimal}dev: { rules: [{ path: a, action: rebuild, target: /a }] }\n${dev}`,
      /^3:52 `target` needs an action that syncs/,
    ],
    [
      "a command without a sync",
      `${minimal}dev: { rules: [{ path: a, action: ignore, run: make }] }\n${dev}`,
      /^3:43 `run` needs an action that syncs/,
    ],
    [
      "an exception as a rule",
      `${minimal}dev: { rules: [{ path: "!a", action: sync }] }\n${dev}`,
      /^3:24 a rule has no exceptions/,
    ],
    [
      "an absolute pattern",
      `${minimal}dev: { rules: [{ path: /a, action: sync }] }\n${dev}`,
      /^3:24 "\/a" is absolute/,
    ],
    [
      "a malformed pattern",
      `${minimal}dev: { rules: [{ path: "[a", action: sync }] }\n${dev}`,
      /^3:24 "\[a" is no pattern/,
    ],
    [
      "a pattern outside of the context",
      `${minimal}dev: { rules: [{ path: ../a, action: sync }] }\n${dev}`,
      /^3:24 "\.\.\/a" is outside of the build context/,
    ],
    [
      "a debugger's port that the stage has already",
      `${minimal}dev: { ports: ["9229:9229"] }\nstages: { dev: { ports: ["9229:1"] } }\n`,
      /^3:16 port 9229 of local is taken by stage dev already/,
    ],
    [
      "a port for reloads that the stage has already",
      `${minimal}dev: { reload: 8080 }\nstages: { dev: { ports: ["8080:80"] } }\n`,
      /^3:16 port 8080 of local is taken by stage dev already/,
    ],
    ["a port of dev that is none", `${minimal}dev: { ports: ["x"] }\n${dev}`, /^3:16 "x" is no port to publish/],
    ["a duplicate key", "name: a\nname: b\n", /2:1 this key is there twice/],
    ["a tab", "name: a\nimage:\n\trepository: b\n", /^3:1 .*tab/],
    ["two documents", `${minimal}${dev}---\nname: b\n`, /^4:1 .*more than one YAML document/],
    ["an empty file", "", /^1:1 the file is empty/],
    ["a file of comments", "# nothing\n", /^1:1 the file is empty/],
    ["a list instead of a map", "- a\n", /^1:1 a map is wanted here, but this is a list/],
    ["no stages", `${minimal}stages: {}\n`, /^3:9 at least one is wanted here, but there is none/],
    ["no hosts", `${minimal}stages: { dev: { hosts: [] } }\n`, /^3:25 at least one is wanted here/],
    [
      "a rollout in no time",
      `${minimal}stages: { dev: { rollout: { timeout: 0s } } }\n`,
      /^3:38 "0s" is no time at all/,
    ],
    ["a check in no time", `${minimal}app: { port: 1, health: { timeout: 0ms } }\n${dev}`, /"0ms" is no time at all/],
    ["a task in no time", `${minimal}tasks: { a: { command: [a], timeout: 0s } }\n${dev}`, /"0s" is no time at all/],
    ["an alias without anchor", `${minimal}app: *nothing\n${dev}`, /nothing/],
  ])("%s", async (_, text, expected) => {
    const result = await readText(text, { HOME: "/home/me" });
    expect(mistakes(result).join("\n")).toMatch(expected);
    expect(result.error?.exitCode).toBe(2);
    expect(result.environment).toBeUndefined();
  });

  it.each(["a;b", "$(x)", "{}", "`x`", "né", "Shop", "-a", "a-", "a b", "a/b", "x".repeat(32)])(
    "refuses the name %j",
    async (name) => {
      const result = await readText(`name: ${JSON.stringify(name)}\nimage: { repository: shop }\n${dev}`);
      expect(mistakes(result).join("\n")).toMatch(/^1:7 .*is not valid here \| lower-case letters, digits and dashes/);
      const stage = await readText(`${minimal}stages: { ${JSON.stringify(name)}: {} }\n`);
      expect(mistakes(stage).join("\n")).toMatch(/^3:11 .*is no valid name/);
    },
  );

  it("finds all of them at once, in the order of the file", async () => {
    const result = await readText(
      `nme: shop\nimage: { repository: shop, contxt: . }\nstages:\n  dev: { replicas: x, hosts: [nowhere], ports: ["1"] }\n  test: { after: dve }\n`,
    );
    expect(mistakes(result).map((line) => line.split(" ")[0])).toEqual([
      "1:1",
      "1:1",
      "2:28",
      "4:20",
      "4:31",
      "4:49",
      "5:18",
    ]);
  });

  it("shows the line, a caret under the place, and the hint", async () => {
    const result = await readText(`${minimal}stages:\n  dev:\n    replcas: 2\n`);
    expect(result.error?.evidence.join("\n")).toBe(
      [
        "envctl.yaml:5:5: unknown key `replcas`; did you mean `replicas`?",
        "      replcas: 2",
        "      ^^^^^^^",
        "  allowed here: after, hosts, repository, ports, env, env_file, secrets, volumes, replicas, resources, rollout, domain, proxy, gates, verify, auto",
      ].join("\n"),
    );
    expect(result.error?.where).toMatch(/envctl\.yaml:5:5$/);
  });

  it("refuses what is no text, or far too much of it", async () => {
    await expect(readText(new Uint8Array([0x6e, 0xff, 0xfe]))).rejects.toMatchObject({
      code: "environment-invalid",
      message: expect.stringMatching(/UTF-8/),
    });
    await expect(readText("#".repeat(1024 * 1024 + 1))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/at most 1048576/),
    });
  });

  it("reads a file of 1 MiB, most of it comment, in reasonable time", async () => {
    const result = await readText(`${minimal}${dev}# ${"x".repeat(1024 * 1024 - 100)}\n`);
    expect(mistakes(result)).toEqual([]);
  });

  it("says where to begin if there is no file", async () => {
    const { readEnvironment } = await import("../../src/environment/load.ts");
    await expect(readEnvironment({ file: undefined, directory: "/", variables: {} })).rejects.toMatchObject({
      code: "environment-missing",
      exitCode: 2,
      next: "envctl init",
    });
    await expect(readEnvironment({ file: "no.yaml", directory: "/", variables: {} })).rejects.toMatchObject({
      code: "environment-missing",
      next: "name the one there is: --file <path>",
    });
  });

  it("says so where a file is there and cannot be read, instead of going on without it", async () => {
    const { readEnvironment } = await import("../../src/environment/load.ts");
    const directory = mkdtempSync(join(tmpdir(), "envctl-environment-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const refused = (file: string, what: RegExp) => ({
      ...{
        code: "environment-invalid",
        exitCode: 2,
        message: expect.stringMatching(what),
        where: join(directory, file),
      },
      next: "mend that, then: envctl validate",
    });
    const read = (file: string | undefined) => readEnvironment({ file, directory, variables: {} });
    symlinkSync("envctl.yaml", join(directory, "envctl.yaml"));
    await expect(read(undefined)).rejects.toMatchObject(
      refused("envctl.yaml", /^the environment file cannot be read: ELOOP/),
    );
    writeFileSync(join(directory, "other.yaml"), minimal + dev);
    symlinkSync(".env", join(directory, ".env"));
    await expect(read("other.yaml")).rejects.toMatchObject(refused(".env", /^\.env cannot be read: ELOOP/));
    // A file whose reading fails for everybody.
    await expect(read("/proc/self/mem")).rejects.toMatchObject({
      code: "environment-invalid",
      where: "/proc/self/mem",
    });
  });
});

describe("a surprise is a warning", () => {
  it.each([
    ["A: on", /`on` is the text "on"/],
    ["A: No", /`No` is the text "No"/],
    ["A: 022", /`022` is 22 as a number/],
    ["A: 1.10", /kept as "1.10"/],
  ])("%s", async (line, expected) => {
    const result = await readText(`${minimal}app: { env: { ${line} } }\n${dev}`);
    expect(warnings(result).join()).toMatch(expected);
    expect(mistakes(result)).toEqual([]);
  });

  it("is no word of the format itself", async () => {
    const result = await readText(
      `${minimal}app: { port: 80 }\nproxy: { tls: off }\nstages: { dev: { domain: shop.test } }\n`,
    );
    expect([warnings(result), mistakes(result)]).toEqual([[], []]);
  });

  it("keeps the text as it was written", async () => {
    const result = await readText(`${minimal}app: { env: { A: 022, B: 1.10, C: true, D: "x" } }\n${dev}`);
    expect(result.environment?.stages[0]?.app.env).toEqual({ A: "022", B: "1.10", C: "true", D: "x" });
  });
});
