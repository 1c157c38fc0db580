import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

interface Verification {
  readonly changed: boolean;
  readonly release: { readonly name: string; readonly digest: string };
  readonly verification: {
    readonly passed: boolean;
    readonly checks: readonly {
      readonly name: string;
      readonly tries: number;
      readonly tests: { readonly run: number; readonly failed: number; readonly skipped: number } | null;
      readonly log: string;
    }[];
  };
}

interface Records {
  readonly records: readonly {
    readonly kind: string;
    readonly outcome: string;
    readonly reason?: string;
    readonly release: { readonly name: string };
    readonly checks?: readonly { readonly name: string; readonly outcome: string; readonly reason?: string }[];
  }[];
}

const token = 'tok-3f9a"b&c';
const suite = (cases: string) => `<testsuites><testsuite name="smoke">${cases}</testsuite></testsuites>`;
/** Asks each address that it is told of, and reports that as a test suite does. */
const program = `
import { writeFileSync } from "node:fs";
const { ENVCTL_URL, ENVCTL_URLS, ENVCTL_STAGE, ENVCTL_HOSTS, ENVCTL_RELEASE, ENVCTL_DIGEST } = process.env;
const urls = [ENVCTL_URL, ...ENVCTL_URLS.split(",")];
const texts = await Promise.all(urls.map(async (url) => (await fetch(url + "/index.html")).text()));
writeFileSync("../told", [ENVCTL_STAGE, ENVCTL_HOSTS, ENVCTL_RELEASE, ENVCTL_DIGEST, ...texts].join("|"));
writeFileSync("report.xml", ${JSON.stringify(suite('<testcase name="a"/><testcase name="b"/><testcase name="c"><skipped/></testcase>'))});
`;

const quick = "interval: 100ms";
const junitInContainer = `mkdir -p /out/deep && echo '${suite('<testcase name="one"/>')}' > /out/deep/a.xml`;
const passing = [
  `{ name: home, ${quick}, http: { path: /index.html, status: 200, body: "/release \\\\w+/", expect_headers: { Content-Type: text/html }, within: 5s } }`,
  `{ name: itself, ${quick}, http: { path: /index.html, port: 8080 } }`,
  `{ name: port, ${quick}, tcp: {} }`,
  `{ name: inside, run: [sh, -c, ${JSON.stringify(`wget -q -O- http://app:8080/index.html; ${junitInContainer}`)}], junit: "/out/**/*.xml" }`,
  '{ name: outside, local: [node, check.mjs], junit: "*.xml" }',
];
const app = "app: { port: 8080, health: { path: /index.html, interval: 100ms }, stop: { grace: 1s } }";

const both = "ssh://test1, ssh://prod1";

interface Stages {
  readonly dev?: readonly string[];
  readonly test?: readonly string[];
  readonly prod?: readonly string[];
  /** Of test; one host is quicker. */
  readonly hosts?: string;
  readonly more?: string;
}

describeLab("the checks of a stage", () => {
  let lab: Lab;
  let project: Project;

  const environment = ({ dev = [], test = [], prod = [], hosts = "ssh://test1", more = "" }: Stages) =>
    project.environment(
      [
        app,
        "stages:",
        `  dev: { ports: ["18491:8080"], verify: [${dev.join(", ")}] }`,
        `  test: { hosts: [${hosts}], ports: ["18492:8080"], secrets: [TOKEN], verify: [${test.join(", ")}]${more} }`,
        `  prod: { hosts: [ssh://prod2], domain: verify.test, proxy: { http_port: 18493, https_port: 18494, tls: internal }, verify: { on_failure: rollback, checks: [${prod.join(", ")}] } }`,
      ].join("\n"),
    );
  const outside = (name: string) => join(project.folder, "..", name);
  const records = async (stage: string) => (await project.json<Records>("history", stage)).records;
  const kinds = async (stage: string, count: number) =>
    (await records(stage)).slice(0, count).map(({ kind, outcome }) => `${kind} ${outcome}`);
  const statusOf = async (stage: string) =>
    (await project.json<{ stages: { verification: { verified: boolean; why: string | null } }[] }>("status", stage))
      .stages[0]?.verification;
  const release = (text: string) => project.page(`release ${text}`);

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.env.TOKEN = token;
    project.env.XDG_STATE_HOME = outside("state");
    project.write("check.mjs", program);
    project.write(".dockerignore", "check.mjs\nreport.xml\nenvctl*\n.envctl\n");
    release("one");
  }, 120_000);

  it("of all kinds prove a release, on this machine's engine and on two hosts over SSH", async () => {
    environment({ dev: passing, test: passing, hosts: both });
    const dev = await project.json<Verification>("up", "dev");
    const { name, digest } = dev.release;
    expect(dev.verification.checks.map((check) => [check.name, check.tries, check.tests])).toEqual([
      ["home", 1, null],
      ["itself", 1, null],
      ["port", 1, null],
      ["inside", 1, { run: 1, failed: 0, skipped: 0 }],
      ["outside", 1, { run: 2, failed: 0, skipped: 1 }],
    ]);
    expect(readFileSync(outside("told"), "utf8")).toBe(`dev|local|${name}|${digest}|release one\n|release one\n`);
    const test = await project.ok("promote", "test");
    expect(test.stdout).toMatch(/home +\d+m?s\n.*inside .*1 tests\n/s);
    expect(test.stderr).toMatch(/│ inside │ release one/);
    expect(readFileSync(outside("told"), "utf8")).toBe(
      `test|ssh://test1,ssh://prod1|${name}|${digest}|${"release one\n|".repeat(3).slice(0, -1)}`,
    );
    const [newest, before] = await records("test");
    expect([newest?.kind, newest?.outcome, newest?.checks?.length, before?.kind]).toEqual([
      "verify",
      "succeeded",
      5,
      "promote",
    ]);
    expect((await project.ok("status")).stdout).toMatch(/VERIFIED\n(.*yes\n){3}/);
    expect((await project.ok("history", "--verify")).stdout).toMatch(/test: 2 records, in order and unchanged/);
    // Nothing is left of the checks, and nothing is left to do.
    expect(await docker(lab.host("test1").socket, "ps", "-aq", "--filter", "label=envctl.role=task")).toBe("");
    expect((await project.ok("promote", "test")).stdout).toMatch(/already: nothing to do/);
    expect(await kinds("test", 3)).toEqual(["verify succeeded", "promote succeeded"]);
  });

  it("that fail tell what was got and expected, and print and keep no secret", async () => {
    const junit = `echo '${suite('<testcase classname="cart" name="adds"><failure message="1 is not 2"/></testcase>')}' > /tmp/r.xml`;
    const failing = [
      `{ name: status, retries: 1, ${quick}, http: { path: /none, status: [200, 204] } }`,
      `{ name: body, retries: 0, http: { path: /index.html, body: Welcome, expect_headers: { X-Shop: yes } } }`,
      `{ name: closed, retries: 0, tcp: { port: 81 } }`,
      `{ name: nowhere, retries: 0, http: { url: "http://127.0.0.1:9/" } }`,
      `{ name: exits, run: [sh, -c, 'echo "token $TOKEN"; echo "$TOKEN" | base64; exit 3'] }`,
      `{ name: hangs, timeout: 1s, run: [sleep, "60"] }`,
      `{ name: suite, run: [sh, -c, ${JSON.stringify(junit)}], junit: /tmp/r.xml }`,
      `{ name: silent, run: ["true"], junit: /tmp/r.xml }`,
      `{ name: stale, local: [echo, a line], junit: report.xml }`,
      `{ name: late, timeout: 500ms, local: [sleep, "60"] }`,
      `{ name: absent, local: [./no-such-program] }`,
    ];
    environment({ test: failing, hosts: both });
    const before = await kinds("test", 1);
    const result = await project.run("verify", "test");
    expect([result.exitCode, before]).toEqual([1, ["verify succeeded"]]);
    for (const words of [
      /one is not verified in test: 11 checks failed: status, body, closed|[0-9a-f]+ is not verified in test: 11 checks failed/,
      /status: port 18492 of ssh:\/\/test1 answered 404, expected 200 or 204/,
      /status: port 18492 of ssh:\/\/prod1 answered 404/,
      /the last of 2 tries/,
      /body: port 18492 of ssh:\/\/prod1 has no header x-shop, expected "yes" in it/,
      /body: .* has the body "release one", expected "Welcome" in it/,
      /closed: port 81 of \S+ on ssh:\/\/test1 does not accept connections/,
      /nowhere: http:\/\/127\.0\.0\.1:9\/ does not answer: .*ECONNREFUSED/,
      /exits: ssh:\/\/test1 exited with code 3\n.*its last output:\n.*token \*\*\*\n/,
      /hangs: was not done within 1s/,
      /suite: ssh:\/\/test1 1 of 1 tests failed\n.*cart › adds: 1 is not 2/,
      /silent: ssh:\/\/test1 wrote no JUnit report \(\/tmp\/r\.xml\)/,
      /stale: wrote no JUnit report \(report\.xml\)\n.*its last output:\n.*a line/,
      /late: was not done within 500ms/,
      /absent: could not be started: .*ENOENT/,
      /state: +test goes on running \S+, not verified: it is promoted no further/,
      /next: +envctl verify test once that is mended, or envctl rollback test/,
    ]) {
      expect(result.stderr).toMatch(words);
    }
    const parent = outside(`state/envctl/checks/${project.name}/test`);
    const newest = readdirSync(parent).sort().at(-1) ?? "";
    const logs = readdirSync(join(parent, newest)).map((file) => readFileSync(join(parent, newest, file), "utf8"));
    expect(logs).toHaveLength(11);
    for (const text of [result.stderr, result.stdout, ...logs, JSON.stringify(await records("test"))]) {
      expect(text).not.toContain(token);
      expect(text).not.toContain(Buffer.from(token).toString("base64").slice(0, 12));
    }
    const [failed] = await records("test");
    expect([failed?.kind, failed?.outcome, failed?.checks?.every(({ outcome }) => outcome === "failed")]).toEqual([
      "verify",
      "failed",
      true,
    ]);
    // A port of a container on this machine that nobody listens on is no host out of reach.
    environment({ test: failing, hosts: both, dev: ["{ name: closed, retries: 0, tcp: { port: 81 } }"] });
    const dev = await project.run("verify", "dev");
    expect([dev.exitCode, dev.stderr]).toEqual([
      1,
      expect.stringMatching(/closed: port 81 of \S+ on local does not accept/),
    ]);
    // The containers of checks that were ended are gone.
    expect(await docker(lab.host("test1").socket, "ps", "-aq", "--filter", "label=envctl.role=task")).toBe("");
  });

  it("close the way to the next stage until they have passed", async () => {
    const refused = async (why: RegExp) => {
      const result = await project.run("promote", "prod");
      expect([result.exitCode, result.stderr]).toEqual([3, expect.stringMatching(why)]);
      expect(result.stderr).toMatch(/→ envctl verify test/);
    };
    await refused(/test: 11 checks failed/);
    expect(await statusOf("test")).toMatchObject({ verified: false, why: expect.stringMatching(/11 checks failed/) });
    expect((await project.ok("status", "test")).stdout).toMatch(/ no\n[\s\S]*is not verified: 11 checks failed/);
    // Until the third time.
    const flaky = "n=$(cat ../tries 2>/dev/null || echo 0); echo $((n + 1)) > ../tries; test $n -ge 2";
    environment({ test: [`{ name: flaky, retries: 4, ${quick}, local: [sh, -c, ${JSON.stringify(flaky)}] }`] });
    await refused(/verified: test: /);
    const { verification } = await project.json<Verification>("verify", "test");
    expect(verification.checks).toMatchObject([{ name: "flaky", tries: 3 }]);
    expect(await statusOf("test")).toMatchObject({ verified: true });
    // A check that is new was never passed.
    environment({ test: ["{ name: flaky, local: ['true'] }", "{ name: other, tcp: {} }"] });
    await refused(/a check of the stage has not been run: other/);
    expect((await project.ok("verify", "test", "--dry-run")).stdout).toMatch(/would check[\s\S]*other \(tcp\)/);
    await refused(/other/);
    await project.ok("verify", "test");
    await project.ok("promote", "prod");
  });

  it("with on_failure: rollback put the release before back, and the history tells all of it", async () => {
    const prod = [`{ name: text, retries: 0, http: { path: /index.html, body: "/^release (one|good)/" } }`];
    environment({ prod });
    const first = await project.ok("promote", "prod");
    expect(first.stdout).toMatch(/runs .* already, and is verified now\n +text/);
    const runs = async () =>
      (await runningContainers(lab.host("prod2").socket, project.name, "prod")).map(
        ({ Config }) => Config.Labels["envctl.release"],
      );
    const [one] = await runs();
    release("bad");
    const bad = await project.json<Verification>("up", "dev");
    await project.ok("promote", "test");
    const result = await project.run("promote", "prod");
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `${bad.release.name} is not verified in prod: check text failed[\\s\\S]*state: +prod runs ${one} again, and its checks passed`,
        ),
      ),
    ]);
    expect(await runs()).toEqual([one]);
    expect(await kinds("prod", 4)).toEqual([
      "verify succeeded",
      "rollback succeeded",
      "verify failed",
      "promote succeeded",
    ]);
    expect((await records("prod"))[1]?.reason).toMatch(new RegExp(`^${bad.release.name}: check text failed`));
    expect(await statusOf("prod")).toMatchObject({ verified: true });
    // Killed in the midst of it, the same command ends in the same way.
    expect(await project.runAndKill(["promote", "prod"], /· verify prod/)).toBe(true);
    expect(await statusOf("prod")).toMatchObject({ verified: false, why: expect.stringMatching(/have not been run/) });
    expect((await project.run("promote", "prod")).exitCode).toBe(1);
    expect(await runs()).toEqual([one]);
    expect(await project.runAndKill(["promote", "prod"], /· go back to/)).toBe(true);
    expect((await project.run("promote", "prod")).exitCode).toBe(1);
    expect([await runs(), await statusOf("prod")]).toMatchObject([[one], { verified: true }]);
    expect((await project.ok("history", "--verify")).stdout).toMatch(/prod: \d+ records, in order and unchanged/);
  }, 180_000);

  it("that a killed command did not run are run by the same command again", async () => {
    const test = [`{ name: inside, run: [sh, -c, "test -e /none || sleep 0.5"] }`];
    environment({ test, dev: ["{ name: port, tcp: {} }"] });
    release("two");
    await project.ok("up", "dev");
    expect(await project.runAndKill(["promote", "test"], /· verify test › inside/)).toBe(true);
    expect((await project.run("promote", "prod")).exitCode).toBe(3);
    const again = await project.json<Verification>("promote", "test");
    expect(again.verification.checks).toMatchObject([{ name: "inside" }]);
    const left = () => docker(lab.host("test1").socket, "ps", "-aq", "--filter", "label=envctl.role=task");
    await expect.poll(left, { timeout: 10_000 }).toBe("");
    expect(await project.json("promote", "test")).toMatchObject({ changed: false });
    await project.ok("promote", "prod", "--dry-run");
    // A rollback is checked as well.
    const back = await project.json<Verification>("rollback", "dev");
    expect(back.verification.checks).toMatchObject([{ name: "port" }]);
    expect(await kinds("dev", 2)).toEqual(["verify succeeded", "rollback succeeded"]);
  });

  it("are not recorded where the stage changed while they ran, or runs what is no release", async () => {
    const held = `touch ../held; while test -e ../held; do sleep 0.05; done`;
    environment({ test: [`{ name: slow, local: [sh, -c, ${JSON.stringify(held)}] }`] });
    const before = (await records("test")).length;
    const away = await project.runUntil(["verify", "test"], /· verify test › slow/, async () => {
      await expect.poll(() => existsSync(outside("held"))).toBe(true);
      await lab.killEngine("test1");
      rmSync(outside("held"));
    });
    await lab.startEngine("test1");
    expect([away.exitCode, away.stderr]).toEqual([
      5,
      expect.stringMatching(/state: +the checks passed, and nothing was recorded/),
    ]);
    expect((await records("test")).length).toBe(before);
    const runs = () => runningContainers(lab.host("test1").socket, project.name, "test");
    await expect.poll(runs, { timeout: 20_000 }).not.toEqual([]);
    const changed = await project.runUntil(["verify", "test"], /· verify test › slow/, async () => {
      await expect.poll(() => existsSync(outside("held"))).toBe(true);
      environment({ more: ", env: { X: '1' }" });
      await project.ok("up", "test");
      rmSync(outside("held"));
    });
    expect([changed.exitCode, changed.stderr]).toEqual([
      1,
      expect.stringMatching(/test was changed while its checks ran[\s\S]*the checks passed, and nothing was recorded/),
    ]);
    expect((await records("test")).length).toBe(before + 1);
    expect((await project.run("verify", "test")).stderr).toMatch(/stage test has no checks/);

    environment({ dev: ["{ name: port, tcp: {} }"] });
    await project.ok("dev", "--once");
    const refused = await project.run("verify", "dev");
    expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringMatching(/was made by envctl dev/)]);
    writeFileSync(outside("told"), "");
  });
});
