import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { Interruption } from "../../src/cli/interruption.ts";
import { cli, ensureBundle, folder } from "./command.ts";

const mute = { say: () => {}, sayLast: () => {} };

beforeAll(ensureBundle);

/** A project whose only host takes connections and never says a word. */
async function silentHost(): Promise<{ readonly cwd: string; readonly asked: Promise<unknown> }> {
  const cwd = folder();
  const socket = join(cwd, "docker.sock");
  const server = createServer(() => {}).listen(socket);
  const asked = once(server, "connection");
  onTestFinished(() => void server.close());
  await execa("tee", [join(cwd, "envctl.yaml")], {
    input: `name: shop\nimage: { repository: shop }\nstages: { dev: { hosts: ["unix://${socket}"] } }\n`,
  });
  return { cwd, asked };
}

describe("an interrupted command", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("ends cleanly at %s, with exit code 130", async (signal) => {
    const { cwd, asked } = await silentHost();
    const child = execa(process.execPath, [cli, "logs", "dev", "--json"], { cwd, reject: false });
    await asked;
    child.kill(signal);
    const { exitCode, stdout, stderr } = await child;
    expect(stderr).toMatch(/putting things in order/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "interrupted", exitCode: 130 } });
    expect(exitCode).toBe(130);
  });

  it("ends at the time limit, and says so", async () => {
    const command = [cli, "logs", "dev", "--timeout", "300ms"];
    const { cwd } = await silentHost();
    const { exitCode, stderr } = await execa(process.execPath, command, { cwd, reject: false });
    expect(stderr).toMatch(/✗ not done within 300ms\n {2}state: what was done until then stays as it is/);
    expect(exitCode).toBe(1);
  });
});

describe("an error after an interruption", () => {
  const of = (exitCode: EnvctlError["exitCode"], cause?: unknown) =>
    new EnvctlError({ code: "x", exitCode, what: "x", state: "a went back", where: "a", cause });
  const aborted = Object.assign(new Error("aborted"), { name: "AbortError" });

  function interrupted(explain: (interruption: Interruption) => unknown): unknown {
    const interruption = new Interruption(mute);
    process.emit("SIGINT", "SIGINT");
    const explained = explain(interruption);
    interruption.end();
    return explained;
  }

  it("is told as an interruption where it came of it, with the state things are in", () => {
    for (const error of [of(ExitCode.unreachable, aborted), of(ExitCode.failed, new Error("b", { cause: aborted }))]) {
      expect(interrupted((it) => it.explain(error))).toMatchObject({ code: "interrupted", state: "a went back" });
    }
    expect(interrupted((it) => it.explain(aborted))).toMatchObject({ code: "interrupted", exitCode: 130 });
    expect(interrupted((it) => it.explain(it.signal.reason))).toMatchObject({ code: "interrupted" });
  });

  it("says what became of the work where nobody nearer to it did", () => {
    const state = "what was done until then stays as it is";
    expect(interrupted((it) => it.explain(it.signal.reason))).toMatchObject({ state });
    expect(interrupted((it) => it.explain(aborted))).toMatchObject({ state });
  });

  it("is told as it is where it did not, or where a person is needed", () => {
    for (const error of [
      of(ExitCode.failed),
      of(ExitCode.needsPerson, aborted),
      of(ExitCode.identityMismatch, aborted),
    ])
      expect(interrupted((it) => it.explain(error))).toBe(error);
  });

  it("is none of ours while nothing is interrupted", () => {
    const interruption = new Interruption(mute);
    expect(interruption.explain(aborted)).toBe(aborted);
    interruption.end();
  });
});
