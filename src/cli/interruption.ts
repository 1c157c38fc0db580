import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** A signal that Ctrl-C, SIGTERM or the time limit aborts; a second Ctrl-C leaves at once. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #say: (line: string) => void;
  readonly #stop: () => void;

  constructor(say: (line: string) => void, timeout: number | undefined) {
    this.#say = say;
    const onSignal = (name: NodeJS.Signals) => this.#interrupt(name);
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    const timer =
      timeout === undefined ? undefined : setTimeout(() => this.#controller.abort(timedOut(timeout)), timeout);
    this.#stop = () => {
      clearTimeout(timer);
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Listens no longer. */
  end(): void {
    this.#stop();
  }

  #interrupt(name: NodeJS.Signals): void {
    if (this.#controller.signal.aborted) {
      this.#say(
        "left at once: what was under way is neither finished nor undone; run the same command again, or see envctl status",
      );
      process.exit(ExitCode.interrupted);
    }
    this.#say(
      `${name === "SIGINT" ? "interrupted" : "asked to end"}: putting things in order; press Ctrl-C again to leave at once`,
    );
    this.#controller.abort(
      new EnvctlError({
        code: "interrupted",
        exitCode: ExitCode.interrupted,
        what: "interrupted",
        next: "run the same command again: it goes on from what is there",
      }),
    );
  }
}

function timedOut(timeout: number): EnvctlError {
  return new EnvctlError({
    code: "timeout",
    exitCode: ExitCode.failed,
    what: `not done within ${formatDuration(timeout)}`,
    next: "run the same command again: it goes on from what is there; --timeout sets the limit",
  });
}
