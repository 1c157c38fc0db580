import { describe, expect, it } from "vitest";
import type { Clock } from "../../../src/base/clock.ts";
import type { Duration } from "../../../src/base/duration.ts";
import { EnvctlError, ExitCode } from "../../../src/base/errors.ts";
import type { Attempt, Finding } from "../../../src/promotion/checks/check.ts";
import { tryCheck } from "../../../src/promotion/checks/try-check.ts";

const frame = { name: "home", timeout: 30 as Duration, retries: 2, interval: 5000 as Duration };
const good: Finding = { wrong: [] };
const bad: Finding = { wrong: [{ where: "ssh://a", what: "answered 503" }] };

async function run(answers: readonly ((attempt: Attempt) => Finding | Promise<Finding>)[], signal = never()) {
  const waits: number[] = [];
  const notes: string[] = [];
  const clock: Clock = { now: () => new Date(0), wait: async (duration) => void waits.push(duration) };
  let next = 0;
  const attempt = async (one: Attempt) => {
    next += 1;
    const answer = answers[next - 1];
    if (!answer) throw new Error("asked too often");
    return await answer(one);
  };
  const tried = await tryCheck(frame, {
    ...{ clock, signal, attempt, output: () => {}, note: (line) => notes.push(line) },
  });
  return { tried, waits, notes };
}

const never = () => new AbortController().signal;
const fails =
  (code: string, exitCode: ExitCode = ExitCode.failed) =>
  () => {
    throw new EnvctlError({ code, exitCode, what: code, where: "ssh://a" });
  };

describe("a check", () => {
  it("that passes at once is tried once", async () => {
    const { tried, waits } = await run([() => good]);
    expect([tried.tries, tried.wrong, waits]).toEqual([1, [], []]);
  });

  it("is tried again until it passes, and waits in between", async () => {
    const { tried, waits, notes } = await run([() => bad, fails("task-failed"), () => good]);
    expect([tried.tries, tried.wrong, waits]).toEqual([3, [], [5000, 5000]]);
    expect(notes).toContain("# ssh://a: answered 503");
  });

  it("fails as its last try did, once its tries are used up", async () => {
    const { tried } = await run([() => good, () => bad].slice(1).concat([() => bad, fails("dial-failed")]));
    expect([tried.tries, tried.wrong]).toEqual([3, [{ where: "ssh://a", what: "dial-failed" }]]);
  });

  it("whose time is over is ended, and tried again", async () => {
    const hangs = ({ signal }: Attempt) =>
      new Promise<Finding>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { tried } = await run([hangs, hangs, hangs]);
    expect(tried.wrong).toEqual([{ where: "", what: "was not done within 30ms" }]);
  });

  it("of a host out of reach is no verdict, but one that comes back is", async () => {
    const away = fails("host-timeout", ExitCode.unreachable);
    await expect(run([away, away, away])).rejects.toMatchObject({ code: "host-timeout" });
    expect((await run([away, () => good])).tried.tries).toBe(2);
  });

  it("lets defects through, and ends with the command", async () => {
    await expect(
      run([
        () => {
          throw new TypeError("a defect");
        },
      ]),
    ).rejects.toThrow("a defect");
    const leaving = new AbortController();
    const leave = () => {
      leaving.abort(new Error("Ctrl-C"));
      throw new Error("whatever");
    };
    await expect(run([leave], leaving.signal)).rejects.toThrow("Ctrl-C");
  });
});
