import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { captureUntilDone, doneLine } from "../../src/engine/capture.ts";
import type { Engine, ExecOptions } from "../../src/engine/engine.ts";

const { signal } = new AbortController();

/** An engine whose one command prints this on its input, and then ends with this code: or never, for undefined. */
function engineOf(
  output: string,
  exitCode: number | undefined,
): { readonly engine: Engine; readonly ended: Promise<unknown> } {
  let end: (reason: unknown) => void = () => {};
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const exec = async (_id: string, { stdin, stdout, stderr, signal: until }: ExecOptions) => {
    if (stdin) await text(stdin);
    for (const part of output.split("|")) stdout.write(part);
    stderr.write("why");
    if (exitCode !== undefined) return exitCode;
    return await new Promise<number>((_, reject) => {
      until?.addEventListener("abort", () => {
        end(until.reason);
        reject(until.reason);
      });
    });
  };
  return { engine: { exec } as unknown as Engine, ended };
}

describe("a command that says when it is done", () => {
  it("is not waited for any longer, and its connection ends", async () => {
    const { engine, ended } = engineOf(`some words\n|${doneLine.slice(0, 5)}|${doneLine.slice(5)}\n`, undefined);
    const captured = await captureUntilDone(engine, "proxy", ["work"], signal, "input");
    expect(captured).toEqual({ exitCode: 0, stdout: `some words\n${doneLine}\n`, stderr: "" });
    expect(await ended).toMatchObject({ message: "the command is done" });
  });

  it("is waited for to its end where it does not say so", async () => {
    const failed = engineOf(`${doneLine} or not\n`, 73);
    expect(await captureUntilDone(failed.engine, "proxy", ["work"], signal)).toEqual({
      exitCode: 73,
      stdout: `${doneLine} or not\n`,
      stderr: "why",
    });
    const silent = engineOf("", 0);
    expect(await captureUntilDone(silent.engine, "proxy", ["work"], signal)).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("is given up when nobody wants it any more", async () => {
    const caller = new AbortController();
    const { engine } = engineOf("", undefined);
    const captured = captureUntilDone(engine, "proxy", ["work"], caller.signal);
    caller.abort(new Error("interrupted"));
    await expect(captured).rejects.toThrow("interrupted");
  });
});
