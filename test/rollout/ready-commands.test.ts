import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { Engine, ExecOptions } from "../../src/engine/engine.ts";
import { ReadyCommands } from "../../src/rollout/ready-commands.ts";

const { signal } = new AbortController();
const command = ["sh", "-c", "constant"];

/** An engine whose commands say back what they are told, and that counts how many were started. */
class Echo {
  started = 0;
  readonly inputs: string[] = [];
  /** What becomes of the next command instead. */
  fails: Error | undefined;

  readonly engine = { exec: (_id: string, options: ExecOptions) => this.#exec(options) } as unknown as Engine;

  async #exec({ stdin, stdout }: ExecOptions): Promise<number> {
    this.started += 1;
    const failure = this.fails;
    this.fails = undefined;
    if (failure) throw failure;
    const input = stdin ? await text(stdin) : "";
    this.inputs.push(input);
    stdout.write(input);
    return 0;
  }
}

describe("a command that waits for its input", () => {
  it("is the one that is run, once", async () => {
    const echo = new Echo();
    const commands = new ReadyCommands(echo.engine);
    commands.start("proxy", command, signal);
    commands.start("proxy", command, signal);
    expect(echo.started).toBe(1);
    expect(await commands.run("proxy", command, "first", signal)).toMatchObject({ exitCode: 0, stdout: "first" });
    expect(echo.started).toBe(1);
    expect(await commands.run("proxy", command, "second", signal)).toMatchObject({ stdout: "second" });
    expect(echo.started).toBe(2);
  });

  it("is none for another container, or another command", async () => {
    const echo = new Echo();
    const commands = new ReadyCommands(echo.engine);
    commands.start("proxy", command, signal);
    await commands.run("other", command, "a", signal);
    await commands.run("proxy", [...command, "more"], "b", signal);
    expect([echo.started, echo.inputs]).toEqual([3, ["a", "b"]]);
    await commands.close();
    expect(echo.inputs).toEqual(["a", "b", ""]);
  });

  it("is started anew where it has ended meanwhile", async () => {
    const echo = new Echo();
    const commands = new ReadyCommands(echo.engine);
    echo.fails = new Error("the container was replaced");
    commands.start("proxy", command, signal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await commands.run("proxy", command, "again", signal)).toMatchObject({ stdout: "again" });
    expect(echo.started).toBe(2);
  });

  it("is given up at once before it has its input, and then only after its grace", async () => {
    const given = new AbortController();
    const engine = {
      exec: (_id: string, { stdin, stdout, signal: until }: ExecOptions) =>
        new Promise<number>((resolve, reject) => {
          until?.addEventListener("abort", () => reject(until.reason), { once: true });
          const work = async () => {
            const input = stdin ? await text(stdin) : "";
            await new Promise((done) => setTimeout(done, 50));
            stdout.write(input);
            resolve(0);
          };
          void work();
        }),
    } as unknown as Engine;
    const commands = new ReadyCommands(engine);
    for (const container of ["idle", "quick", "patient"]) commands.start(container, command, given.signal);
    const quick = commands.run("quick", command, "a", given.signal);
    const patient = commands.run("patient", command, "b", given.signal, { grace: 1000 });
    const fresh = commands.run("fresh", command, "c", given.signal, { grace: 1000 });
    given.abort(new Error("interrupted"));
    await expect(quick).rejects.toThrow("interrupted");
    expect([await patient, await fresh]).toMatchObject([{ stdout: "b" }, { stdout: "c" }]);
    await expect(commands.run("idle", command, "d", given.signal, { grace: 1000 })).rejects.toThrow("interrupted");
    await commands.close();
  });

  it("tells of its failure where that comes with its input", async () => {
    const echo = new Echo();
    const commands = new ReadyCommands(echo.engine);
    echo.fails = new Error("the engine is gone");
    commands.start("proxy", command, signal);
    await expect(commands.run("proxy", command, "late", signal)).rejects.toThrow("the engine is gone");
    await commands.close();
  });
});
