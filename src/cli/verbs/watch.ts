import { basename } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../../base/errors.ts";
import type { WatchEvent } from "../../promotion/watch.ts";
import { skipHooksOption, waitOption } from "../global-options.ts";
import { readDuration } from "../read-duration.ts";
import { type Context, text, type Verb } from "../verb.ts";
import { clean } from "../view/clean.ts";

export const watch: Verb = {
  name: "watch",
  group: "release",
  summary: "build and promote by itself what stages with `auto` follow, for as long as it runs",
  arguments: [],
  options: [
    { flags: "--interval <duration>", description: "time between two looks", default: "30s" },
    { flags: "--once", description: "look once, and end: for cron" },
    waitOption,
    skipHooksOption,
  ],
  changes: false,
  endless: (options) => options.once !== true,
  linewise: () => true,
  examples: [
    ["envctl watch", "as a service: templates/watch has a unit for systemd"],
    ["envctl watch --once --json", "from cron: one JSON document a line"],
  ],
  run: async (context, _, options) => {
    const interval = readDuration("--interval", text(options, "interval")) ?? 30_000;
    const { WatchMemory } = await import("../../promotion/watch.ts");
    const memory = new WatchMemory();
    const teller = new Teller(context);
    const once = options.once === true;
    for (let looks = 0; ; looks += 1) {
      // The environment file is read anew each time, and mended while we run: a mistake in it must not be the end.
      try {
        await look(context, memory, teller);
      } catch (error) {
        const isWrong = error instanceof EnvctlError && error.exitCode === ExitCode.usage;
        if (once || context.signal.aborted || (looks === 0 && isWrong)) throw error;
        const { evidence, next } = detailsOf(error);
        teller.tell({ stage: "", state: "failed", what: messageOf(error), evidence, next, again: true });
      }
      if (once) return { json: undefined, text: "", exitCode: teller.failed ? ExitCode.failed : ExitCode.done };
      await context.clock.wait(interval, context.signal);
    }
  },
};

async function look(
  context: Context,
  memory: InstanceType<typeof import("../../promotion/watch.ts").WatchMemory>,
  teller: Teller,
): Promise<void> {
  const { watchOnce } = await import("../../promotion/watch.ts");
  const { withWorkspace } = await import("../workspace.ts");
  await withWorkspace(context, undefined, async (workspace) => {
    const { environment } = workspace;
    if (environment.stages.every(({ auto }) => auto === undefined)) throw nothingToFollow(environment.file);
    await watchOnce({
      workspace,
      memory,
      elsewhere: async (directory, work) => {
        const there = { ...context, directory, options: { ...context.options, file: basename(environment.file) } };
        return await withWorkspace(there, undefined, work);
      },
      tell: (event) => teller.tell(event),
    });
  });
}

/** Says of each stage what is new: that nothing is, once is enough. */
class Teller {
  readonly #context: Context;
  readonly #said = new Map<string, string>();
  failed = false;

  constructor(context: Context) {
    this.#context = context;
  }

  tell(event: WatchEvent): void {
    const { stage, state, what, evidence, next, again } = event;
    if (state === "failed") this.failed = true;
    const news = JSON.stringify(event);
    if (this.#said.get(stage) === news && state !== "released") return;
    this.#said.set(stage, news);
    const { options, clock, paint, write } = this.#context;
    const at = clock.now().toISOString();
    if (options.json) {
      write(`${JSON.stringify({ verb: "watch", at, ...event })}\n`);
      return;
    }
    const style = ({ released: "green", failed: "red", waiting: "yellow", held: "yellow", done: "dim" } as const)[
      state
    ];
    const who = stage === "" ? "" : `${stage}: `;
    const then = state === "failed" && !again ? "; not tried again until there is something newer" : "";
    const lines = [
      `${at.replace(/\.\d+Z$/, "Z")} ${who}${paint(style, state)} ${clean(what)}${then}`,
      ...evidence.map((line) => `  ${clean(line)}`),
      ...(next === undefined ? [] : [`  next: ${clean(next)}`]),
    ];
    write(`${lines.join("\n")}\n`);
  }
}

function nothingToFollow(file: string): EnvctlError {
  return new EnvctlError({
    code: "nothing-to-follow",
    exitCode: ExitCode.usage,
    what: "no stage has `auto`: there is nothing to do",
    where: file,
    state: "nothing was touched",
    next: "`auto: true` on a stage that releases are promoted to, or `auto: { branch: main }` on a first one",
  });
}

function detailsOf(error: unknown): Pick<EnvctlError, "evidence" | "next"> {
  return error instanceof EnvctlError ? error : { evidence: [], next: undefined };
}
