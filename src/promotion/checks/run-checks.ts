import { formatDuration } from "../../base/duration.ts";
import type { Progress } from "../../base/progress.ts";
import { secretsOf } from "../../environment/resolved-checks.ts";
import type { Check } from "../../environment/verification.ts";
import { redactor } from "../../secrets/redactor.ts";
import type { RecordedCheck } from "../record.ts";
import type { Attempt, CheckedStage, Finding, TestCounts, Wrong } from "./check.ts";
import { CheckLogs } from "./check-logs.ts";
import { checkHttp } from "./http-check.ts";
import { checkLocal } from "./local-check.ts";
import { checkRun } from "./run-check.ts";
import { checkTcp } from "./tcp-check.ts";
import { type Tried, tryCheck } from "./try-check.ts";

/** Checks that are under way at once. */
const width = 4;
/** Characters of a reason in the history. */
const reasonLength = 500;

/** What a check found in the end. No secret of the stage is in it. */
export interface CheckResult {
  readonly name: string;
  readonly kind: Check["kind"];
  /** Milliseconds, all tries together. */
  readonly took: number;
  readonly tries: number;
  /** Empty where it passed. */
  readonly wrong: readonly Wrong[];
  readonly tests: TestCounts | undefined;
  /** The first tests that failed. */
  readonly failures: readonly string[];
  /** What its program printed last. */
  readonly lastLines: readonly string[];
  /** Path of its log; undefined where it could not be kept. */
  readonly log: string | undefined;
}

/** Runs all checks of a stage, several at once, each to its end. Throws where a host cannot be reached. */
export async function runChecks(checked: CheckedStage, progress: Progress): Promise<CheckResult[]> {
  const { workspace, stage, release } = checked;
  const logs = await CheckLogs.open(
    { environment: workspace.environment.name, stage: stage.name, release: release.name },
    workspace.clock.now(),
    workspace.variables,
    (message) => workspace.progress.warn(message),
  );
  const { checks } = stage.verify;
  const results: CheckResult[] = [];
  const waiting = [...checks.entries()];
  const failed = new AbortController();
  const signal = AbortSignal.any([workspace.signal, failed.signal]);
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, check] = next;
      results[index] = await runCheck(check, { ...checked, workspace: { ...workspace, signal } }, logs, progress);
    }
  };
  const workers = await Promise.allSettled(
    Array.from({ length: width }, () =>
      worker().catch((error: unknown) => {
        // A verdict cannot be had any more: the others need not go on.
        failed.abort(error);
        throw error;
      }),
    ),
  );
  workspace.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return workers.length > 0 ? results : [];
}

async function runCheck(
  check: Check,
  checked: CheckedStage,
  logs: CheckLogs,
  progress: Progress,
): Promise<CheckResult> {
  const { workspace, secrets } = checked;
  const own = check.kind === "http" ? secretsOf(check) : [];
  const { redact } = redactor([...Object.values(secrets), ...own]);
  const log = logs.log(check.name);
  let result: CheckResult | undefined;
  const running = progress.step(check.name, async (at) => {
    const tried = await tryCheck(check, {
      clock: workspace.clock,
      signal: workspace.signal,
      output: (line) => {
        const safe = redact(line);
        log.output(safe);
        at.output(`${check.name} │ ${safe}`);
      },
      note: (line) => log.note(redact(line)),
      attempt: (attempt) => once(check, checked, attempt),
    });
    result = resultOf(check, tried, redact, log);
    if (result.wrong.length > 0) throw new CheckFailure(describeWrong(result.wrong));
    const tests = result.tests ? `${result.tests.run} tests` : undefined;
    const tries = result.tries > 1 ? `${result.tries} tries` : undefined;
    const note = [tests, tries].filter((one) => one !== undefined).join(", ");
    if (note !== "") at.note(note);
  });
  try {
    await running;
  } catch (error) {
    if (!(error instanceof CheckFailure)) throw error;
  } finally {
    log.close();
  }
  if (!result) throw new RangeError(`check ${check.name} has no result`);
  return result;
}

/** Marks the step as failed; the result itself tells all. */
class CheckFailure extends Error {}

function resultOf(
  check: Check,
  tried: Tried,
  redact: (text: string) => string,
  log: { readonly path: string | undefined; readonly lastLines: readonly string[] },
): CheckResult {
  return {
    name: check.name,
    kind: check.kind,
    took: Math.round(tried.took),
    tries: tried.tries,
    wrong: tried.wrong.map(({ where, what }) => ({ where: redact(where), what: redact(what) })),
    tests: tried.tests,
    failures: (tried.evidence ?? []).map(redact),
    lastLines: log.lastLines,
    log: log.path,
  };
}

async function once(check: Check, checked: CheckedStage, attempt: Attempt): Promise<Finding> {
  switch (check.kind) {
    case "http":
      return await checkHttp(check, checked, attempt);
    case "tcp":
      return await checkTcp(check, checked, attempt);
    case "run":
      return await checkRun(check, checked, attempt);
    case "local":
      return await checkLocal(check, checked, attempt);
  }
}

/** `ssh://a: answered 503, expected 2xx`, and how many more there are. */
export function describeWrong(wrong: readonly Wrong[]): string {
  const [first, ...more] = wrong;
  if (!first) return "";
  const words = first.where === "" ? first.what : `${first.where} ${first.what}`;
  return more.length === 0 ? words : `${words}; and ${more.length} more`;
}

/** As the history keeps it. */
export function recordedCheck({ name, took, tries, wrong, tests }: CheckResult): RecordedCheck {
  const reason = describeWrong(wrong);
  return {
    name,
    outcome: wrong.length === 0 ? "passed" : "failed",
    took,
    tries,
    ...(reason === "" ? {} : { reason: reason.slice(0, reasonLength) }),
    ...(tests ? { tests } : {}),
  };
}

/** A line of a result for people: `3 of 34 tests failed`, or how long it took. */
export function resultInWords({ took, tries, tests }: CheckResult): string {
  const counts = tests ? [`${tests.run} tests${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ""}`] : [];
  return [formatDuration(took), ...(tries > 1 ? [`${tries} tries`] : []), ...counts].join(", ");
}
