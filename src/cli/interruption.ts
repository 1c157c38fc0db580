import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Output } from "./output.ts";
import { clean } from "./view/clean.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
interface InterruptionSettings {
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  /** True where the first interruption is the ordinary end, and needs no words. */
  readonly quiet?: boolean;
  readonly situation?: { readonly lines: readonly string[] };
}

const goOn = "run the same command again: it goes on from what is there";
/** Where nobody nearer to the work has told more. */
const unfinished = "what was done until then stays as it is";

/** A signal that Ctrl-C, SIGTERM, SIGHUP or the time limit aborts; a second Ctrl-C leaves at once. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #output: Pick<Output, "say" | "sayLast">;
  readonly #settings: InterruptionSettings;
  readonly #stop: () => void;

  constructor(output: Pick<Output, "say" | "sayLast">, settings: InterruptionSettings = {}) {
    this.#output = output;
    this.#settings = settings;
    const { timeout } = settings;
    const onSignal = (name: NodeJS.Signals) => this.#interrupt(name);
    for (const name of signals) process.on(name, onSignal);
    const timer =
      timeout === undefined ? undefined : setTimeout(() => this.#controller.abort(timedOut(timeout)), timeout);
    this.#stop = () => {
      clearTimeout(timer);
      for (const name of signals) process.off(name, onSignal);
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Listens no longer. */
  end(): void {
    this.#stop();
  }

  /** What interrupted calls throw is of many kinds: why they were interrupted is what counts, and how things stand. */
  explain(thrown: unknown): unknown {
    const { aborted, reason } = this.#controller.signal;
    if (!aborted || !(reason instanceof EnvctlError)) return thrown;
    if (!(thrown instanceof EnvctlError)) return reason.with({ state: unfinished });
    if (thrown !== reason && !cameOfAbort(thrown, reason)) return thrown;
    return reason.with({ where: thrown.where, state: thrown.state ?? unfinished });
  }

  #lastWords(): string {
    const lines = this.#settings.situation?.lines ?? [];
    return [
      "left at once: what was under way is neither finished nor undone",
      ...lines.map((line) => `  ${clean(line)}`),
      `  next:  ${goOn}; or look: envctl status`,
    ].join("\n");
  }

  #interrupt(name: NodeJS.Signals): void {
    if (this.#controller.signal.aborted) {
      this.#output.sayLast(this.#lastWords());
      process.exit(ExitCode.interrupted);
    }
    if (!this.#settings.quiet)
      this.#output.say(
        `${name === "SIGINT" ? "interrupted" : "asked to end"}: putting things in order; press Ctrl-C again to leave at once`,
      );
    this.#controller.abort(
      new EnvctlError({ code: "interrupted", exitCode: ExitCode.interrupted, what: "interrupted", next: goOn }),
    );
  }
}

/** Whether an error came about only because its call was aborted: what the adapters make of that varies. */
function cameOfAbort(error: EnvctlError, reason: unknown): boolean {
  if (error.exitCode === ExitCode.needsPerson || error.exitCode === ExitCode.identityMismatch) return false;
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause === reason || cause.name === "AbortError" || ("isCanceled" in cause && cause.isCanceled === true))
      return true;
  }
  return false;
}

function timedOut(timeout: number): EnvctlError {
  return new EnvctlError({
    code: "timeout",
    exitCode: ExitCode.failed,
    what: `not done within ${formatDuration(timeout)}`,
    next: `${goOn}; --timeout sets the limit`,
  });
}
