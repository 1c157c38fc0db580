import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { ContainerSpec, Engine } from "../engine/engine.ts";
import { redactorOf } from "../secrets/redactor.ts";

/** Lines of output that explain a failure. */
const keptLines = 40;

export interface OneOff {
  readonly engine: Engine;
  readonly spec: ContainerSpec;
  /** Variables of it whose values are masked in what it prints. */
  readonly secretNames: readonly string[];
  /** Name of the task, for people. */
  readonly task: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** In what state things are if it fails; undefined where only a caller knows. */
  readonly state?: string | undefined;
  readonly progress: Progress;
  /** Takes each line that it prints; without, it is streamed to `progress`. */
  readonly output?: ((line: string) => void) | undefined;
  /** Called with the container once it has ended by itself, whatever its exit code. */
  readonly ended?: ((id: string) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Runs a container to its end and streams its output to `progress`. It is removed whatever happens. Throws `task-failed`
 * with its last lines if it does not exit with 0, or not in time.
 */
export async function runOneOff(run: OneOff): Promise<void> {
  const { engine } = run;
  const id = await engine.createContainer(run.spec, run.signal);
  const limit = AbortSignal.any([run.signal, timeLimit(run.timeout)]);
  const lines: string[] = [];
  const output = run.output ?? ((line: string) => run.progress.output(line));
  const { redact } = redactorOf(run.spec.env, run.secretNames);
  try {
    await engine.startContainer(id, limit);
    const options = { follow: true, tail: undefined, since: undefined, timestamps: false, signal: limit };
    for await (const { text } of engine.logs(id, options)) {
      const line = redact(text);
      output(line);
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
    }
    // Asked only now: of a container that was never started, engines say at once that it ended with 0.
    const code = await engine.waitForExit(id, limit);
    await run.ended?.(id);
    if (code !== 0) throw failed(run, `exited with code ${code}`, lines);
  } catch (error) {
    if (limit.aborted && !run.signal.aborted)
      throw failed(run, `was not done within ${formatDuration(run.timeout)}`, lines);
    throw error;
  } finally {
    // Why the task failed must not be hidden by a host that does not answer any more; the next run removes what is left.
    await engine.removeContainer(id, timeLimit(30_000)).catch((error: unknown) => {
      run.progress.warn(`the container of task ${run.task} is left on ${engine.name}: ${messageOf(error)}`);
    });
  }
}

function failed(run: OneOff, how: string, lines: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "task-failed",
    exitCode: ExitCode.failed,
    what: `task ${run.task} ${how}`,
    where: run.engine.name,
    state: run.state,
    evidence: lines.length > 0 ? ["its last output:", ...lines.map((line) => `  ${line}`)] : ["it printed nothing"],
  });
}
