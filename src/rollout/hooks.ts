import { formatDuration, parseDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { timeLimit } from "../base/time-limit.ts";
import { redactor } from "../secrets/redactor.ts";
import { type HookFolder, type HookName, readHookFolder } from "./hook-folder.ts";
import { runLocalProgram } from "./hook-process.ts";

/** How long a hook may take unless `ENVCTL_HOOK_TIMEOUT` says otherwise. Milliseconds. */
const defaultTimeout = 600_000;
/** How long `on-failure` may take after an interruption: somebody waits for the command to end. Milliseconds. */
const timeoutAfterInterruption = 60_000;

/** What hooks are told, each as an environment variable: `release` as ENVCTL_RELEASE. Without a value it is not set. */
interface HookFacts {
  readonly stage?: string | undefined;
  readonly release?: string | undefined;
  readonly digest?: string | undefined;
  /** The stage a release is promoted from. */
  readonly from?: string | undefined;
  readonly hosts?: readonly string[] | undefined;
}

interface HookSettings {
  readonly environment: string;
  /** The folder of the environment file: hooks lie in its `.envctl/hooks`, and run in it. */
  readonly directory: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The verb that was typed. */
  readonly command: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** True with `--skip-hooks`. */
  readonly skip: boolean;
}

/** What is done between two hooks. */
export interface Occasion<Result> {
  readonly kind: "build" | "deploy";
  readonly facts: HookFacts;
  /** What is known only once it is done. */
  readonly factsOf?: (result: Result) => HookFacts;
  /** Masked in the hooks' output. */
  readonly secrets?: readonly string[];
}

/** A project's own programs around builds and deployments. */
export class Hooks {
  readonly #settings: HookSettings;
  #folder: Promise<HookFolder> | undefined;

  constructor(settings: HookSettings) {
    this.#settings = settings;
  }

  /**
   * Does `work` with its hooks. It calls `before` where it is about to touch something, and learns whether there was a hook:
   * a `before-…` hook that fails makes that throw `hook-failed` (exit 1). After that point the end is told to `after-…` or `on-failure`, whose own failures
   * are warnings: what is done is done.
   */
  async around<Result>(
    occasion: Occasion<Result>,
    work: (before: () => Promise<boolean>) => Promise<Result>,
  ): Promise<Result> {
    const { kind, facts, secrets } = occasion;
    let begun = false;
    const before = async () => {
      this.#settings.signal.throwIfAborted();
      const ran = await this.#run(`before-${kind}`, variablesOf(facts), secrets);
      begun = true;
      return ran;
    };
    try {
      const result = await work(before);
      const known = { ...facts, ...occasion.factsOf?.(result) };
      if (begun) await this.#tell(`after-${kind}`, { ...variablesOf(known), ENVCTL_OUTCOME: "succeeded" }, secrets);
      return result;
    } catch (error) {
      const told = { ...variablesOf(facts), ENVCTL_OUTCOME: "failed", ENVCTL_REASON: messageOf(error) };
      if (begun) await this.#tell("on-failure", told, secrets);
      throw error;
    }
  }

  /** The programs that would run, by name; none with `--skip-hooks`. */
  async files(): Promise<ReadonlyMap<HookName, string>> {
    return this.#settings.skip ? new Map() : (await this.#read()).files;
  }

  async #tell(name: HookName, variables: HookVariables, secrets: readonly string[] = []): Promise<void> {
    try {
      await this.#run(name, variables, secrets);
    } catch (error) {
      this.#settings.progress.warn(`${messageOf(error)}; what came before it stays as it is`);
    }
  }

  /** False where there is no such hook. */
  async #run(name: HookName, variables: HookVariables, secrets: readonly string[] = []): Promise<boolean> {
    const { skip, progress, signal, environment, command, directory } = this.#settings;
    if (skip) return false;
    const file = (await this.#read()).files.get(name);
    if (file === undefined) return false;
    const timeout = signal.aborted ? timeoutAfterInterruption : readTimeout(this.#settings.variables);
    const deadline = timeLimit(timeout);
    const limit = signal.aborted ? deadline : AbortSignal.any([signal, deadline]);
    const { redact } = redactor(secrets);
    await progress.step(`hook ${name}`, async (at) => {
      const { failure, lastLines } = await runLocalProgram({
        file,
        directory,
        variables: {
          ...this.#settings.variables,
          ...nothingKnown,
          ...variables,
          ENVCTL_HOOK: name,
          ENVCTL_ENVIRONMENT: environment,
          ENVCTL_COMMAND: command,
        },
        output: (line) => at.output(redact(line)),
        signal: limit,
      });
      if (limit.aborted && !deadline.aborted) throw signal.reason;
      const how = deadline.aborted ? `was not done within ${formatDuration(timeout)}` : failure;
      if (how !== undefined) throw failed(name, file, how, lastLines.map(redact));
    });
    return true;
  }

  /** Once for each command, when the first hook could run: a mistake in any of them is told before anything is touched. */
  #read(): Promise<HookFolder> {
    this.#folder ??= readHookFolder(this.#settings.directory).then((folder) => {
      for (const warning of folder.warnings) this.#settings.progress.warn(warning);
      return folder;
    });
    return this.#folder;
  }
}

type HookVariables = Readonly<Record<string, string | undefined>>;

/** A hook may call envctl: what another hook was told must not reach this one. */
const nothingKnown: HookVariables = {
  ENVCTL_STAGE: undefined,
  ENVCTL_RELEASE: undefined,
  ENVCTL_DIGEST: undefined,
  ENVCTL_FROM: undefined,
  ENVCTL_HOSTS: undefined,
  ENVCTL_OUTCOME: undefined,
  ENVCTL_REASON: undefined,
};

function variablesOf(facts: HookFacts): HookVariables {
  return {
    ENVCTL_STAGE: facts.stage,
    ENVCTL_RELEASE: facts.release,
    ENVCTL_DIGEST: facts.digest,
    ENVCTL_FROM: facts.from,
    ENVCTL_HOSTS: facts.hosts?.join(","),
  };
}

function readTimeout(variables: HookVariables): number {
  const typed = variables.ENVCTL_HOOK_TIMEOUT;
  if (typed === undefined || typed === "") return defaultTimeout;
  const duration = parseDuration(typed);
  if (duration !== undefined && duration > 0) return duration;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `ENVCTL_HOOK_TIMEOUT is "${typed}", which is no duration`,
    state: "nothing was touched",
    next: "write it with a unit: 30s, 5m, 1h30m",
  });
}

function failed(name: HookName, file: string, how: string, lines: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "hook-failed",
    exitCode: ExitCode.failed,
    what: `hook ${name} ${how}`,
    where: file,
    ...(name === "before-build" ? { state: "nothing was built" } : {}),
    ...(name === "before-deploy" ? { state: "nothing was touched: what ran before still runs on every host" } : {}),
    evidence: lines.length > 0 ? ["its last output:", ...lines.map((line) => `  ${line}`)] : ["it printed nothing"],
    next: "mend the hook, or go without it: --skip-hooks",
  });
}
