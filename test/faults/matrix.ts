import { setTimeout as wait } from "node:timers/promises";
import type { Ended } from "./command.ts";
import { differencesOf } from "./end-state.ts";
import { type Cell, type CellResult, cellName, type StepName } from "./model.ts";
import type { Behaviour, Release, Stand } from "./stand.ts";
import { behaviourOf, clockOf, momentOf, strikeOf } from "./strike.ts";
import { type Answer, ask, stretches, Traffic } from "./traffic.ts";

/** How long a host may take to serve again after its engine was started, or its cable mended. Milliseconds. */
const recovery = 20_000;
/** Steps at which every client has the new release. */
const afterAll: readonly StepName[] = ["tidy", "record"];
const good: readonly Behaviour[] = ["good-1", "good-2", "good-3"];

/** Runs cells one after the other; each begins with what the one before has left, which is checked to be in order. */
export class Matrix {
  readonly #stand: Stand;
  /** The release that prod runs, and the one before it. */
  #serving: Release | undefined;
  #kept: Release | undefined;
  /** What two hosts hold after a run that nothing disturbed: a first one, and one over another release. */
  #undisturbed: { readonly fresh: string[][]; readonly over: string[][] } | undefined;

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  async run(cell: Cell): Promise<CellResult> {
    const undisturbed = await this.#undisturbedStates();
    const stand = this.#stand;
    if (cell.fresh) await this.#empty();
    else if (cell.fault === "hangs-on-term") await this.#promote(await stand.release("hangs-on-term"));
    else if (!this.#serving) await this.#promote(await this.#nextGood());
    // Something to tidy up is there only where two have run before.
    if (cell.step === "tidy" && !this.#kept) await this.#promote(await this.#nextGood());
    const bad = behaviourOf(cell);
    const next = bad ? await stand.release(bad) : await this.#nextGood();
    const wrong = bad !== undefined && bad !== "slow-start";
    await stand.forget(next);
    if (bad && cell.host === 1) await stand.spare(stand.hosts[0], true);
    const before = this.#serving;
    const parts = new Map([[next.name, "new"]]);
    if (before) parts.set(before.name, "old");
    // A kept one goes when the new one comes; where nothing comes it stays.
    if (this.#kept) parts.set(this.#kept.name, "older");
    const args = ["promote", "prod", "--release", next.name, "--verbose"];
    const states = await stand.states(parts);
    const traffic = new Traffic(stand.bases);
    const strike = strikeOf(cell, stand);
    const moment = momentOf(cell, stand);
    const problems: string[] = [];
    let first: Ended;
    let again: Ended;
    let healed: number;
    const after: string[] = [];
    try {
      first = await stand.run(args, { clock: clockOf(cell), moment, late: cell.late, strike: strike.begin });
      const ended = performance.now();
      await strike.end();
      const left = isUndone(cell, first) ? await stand.states(parts) : undefined;
      healed = performance.now();
      after.push(...(await this.#whoServes(cell, before !== undefined)));
      again = await stand.run(args);
      problems.push(...judge(cell, first, again, wrong));
      if (left && !cell.fresh) problems.push(...this.#compare(left, states, "it went back, and"));
      if (left && cell.fresh) problems.push(...locksIn(left));
      const wanted = wrong ? states : cell.fresh ? undisturbed.fresh : undisturbed.over;
      problems.push(...this.#compare(await stand.states(parts), wanted, "it was run again, and"));
      const verdict = await this.#verdict();
      if (verdict !== "ok") problems.push(`status says ${verdict}`);
      await traffic.stop();
      const measured = measure(cell, traffic.answers, { struck: first.struck ?? ended, ended, healed }, before);
      const names = (list: readonly (string | undefined)[]) =>
        list.map((name) =>
          name === next.behaviour ? "new" : name === before?.behaviour ? "old" : (name ?? "nothing"),
        );
      const result = names(after);
      problems.push(...measured.problems, ...judgeServing(cell, first, result, before !== undefined));
      const during = measured.during.map((list) => names(list).join(" → ") || "nothing");
      if (!wrong) [this.#kept, this.#serving] = [before, next];
      if (bad && cell.host === 1) await stand.spare(stand.hosts[0], false);
      // The release that misbehaves must not be what is rolled back to, nor what the next cell starts from.
      if (problems.length > 0) await this.#startOver();
      else if (bad === "slow-start") {
        // Twice: then it is not kept either, and comes anew in the next cell.
        await this.#promote(await this.#nextGood());
        await this.#promote(await this.#nextGood());
      }
      return {
        cell,
        exitCode: first.exitCode,
        ...said(first),
        during,
        after: result,
        requests: traffic.answers.length,
        failed: measured.failed,
        away: measured.away,
        again: again.exitCode,
        problems,
        took: ended - (first.struck ?? ended),
      };
    } finally {
      await strike.end().catch(() => {});
      await traffic.stop();
    }
  }

  /** Which release each host serves, once its fault is over: nothing is run meanwhile, it has to come back by itself. */
  async #whoServes(cell: Cell, served: boolean): Promise<string[]> {
    const comesBack = served && takesHostAway(cell);
    return await Promise.all(
      this.#stand.bases.map(async (base) => {
        for (const end = performance.now() + (comesBack ? recovery : 0); ; await wait(100)) {
          const { release } = await ask(`${base}/`);
          if (release !== undefined || performance.now() > end) return release ?? "nothing";
        }
      }),
    );
  }

  #compare(found: readonly string[][], wanted: readonly string[][], when: string): string[] {
    return found.flatMap((lines, at) =>
      differencesOf(lines, wanted[at] ?? []).map((text) => `${when} on ${this.#stand.hosts[at]?.name} ${text}`),
    );
  }

  async #verdict(): Promise<string> {
    const { stdout, stderr } = await this.#stand.run(["status", "prod", "--json"]);
    try {
      const { stages } = JSON.parse(stdout) as { stages: { verdict: string }[] };
      return stages[0]?.verdict ?? "nothing";
    } catch {
      return stderr;
    }
  }

  async #undisturbedStates() {
    if (this.#undisturbed) return this.#undisturbed;
    const first = await this.#stand.release("good-1");
    const second = await this.#stand.release("good-2");
    await this.#promote(first);
    const fresh = await this.#stand.states(new Map([[first.name, "new"]]));
    await this.#promote(second);
    const parts = new Map([
      [second.name, "new"],
      [first.name, "old"],
    ]);
    const over = await this.#stand.states(parts);
    this.#undisturbed = { fresh, over };
    return this.#undisturbed;
  }

  async #promote(release: Release): Promise<void> {
    await this.#stand.ok("promote", "prod", "--release", release.name);
    [this.#kept, this.#serving] = [this.#serving, release];
  }

  async #nextGood(): Promise<Release> {
    const taken = [this.#serving?.behaviour, this.#kept?.behaviour];
    const free = good.find((behaviour) => !taken.includes(behaviour));
    return await this.#stand.release(free ?? "good-1");
  }

  async #empty(): Promise<void> {
    await this.#stand.ok("down", "prod", "--volumes", "--yes");
    this.#serving = undefined;
    this.#kept = undefined;
  }

  /** After a cell that failed: what it left must not fail the next one. */
  async #startOver(): Promise<void> {
    await this.#stand.run(["unlock", "prod", "--yes"]);
    await this.#empty();
    const parts = new Map<string, string>();
    for (const [at, lines] of (await this.#stand.states(parts)).entries())
      if (lines.length > 0) throw new Error(`down leaves on ${this.#stand.hosts[at]?.name}: ${lines.join("; ")}`);
  }
}

/** What the user saw; of a command that went well, its first warning. */
function said({ exitCode, stderr }: Ended): Pick<CellResult, "error" | "state" | "next"> {
  const lines = stderr.split("\n");
  if (exitCode === 0) {
    const warning = lines.find((line) => line.startsWith("! "))?.slice(2);
    return { error: warning, state: undefined, next: undefined };
  }
  const last = lines.findLastIndex((line) => line.startsWith("✗ "));
  const detail = (name: string) =>
    lines
      .slice(last)
      .find((line) => line.startsWith(`  ${name}`))
      ?.slice(9);
  if (last < 0) return { error: undefined, state: undefined, next: undefined };
  return { error: lines[last]?.slice(2), state: detail("state:"), next: detail("next:") };
}

function judge(cell: Cell, first: Ended, again: Ended, wrong: boolean): string[] {
  const problems: string[] = [];
  const { error, state, next } = said(first);
  if (first.struck === undefined) problems.push(`the step never came:\n${first.stderr}`);
  if (cell.fault === "kill" && first.exitCode !== null) problems.push("it was not killed");
  const interrupts = ["ctrl-c", "sigterm", "ctrl-c-twice"].includes(cell.fault);
  if (interrupts && first.exitCode !== 130) problems.push(`exit code ${first.exitCode} after an interruption`);
  if (cell.fault !== "kill" && first.exitCode === null) problems.push("it did not end");
  if (/defect in envctl/.test(first.stderr)) problems.push(`a defect: ${error}`);
  const saidTwice = /left at once[\s\S]*next: /.test(first.stderr);
  const failed = first.exitCode !== 0 && first.exitCode !== null && !saidTwice;
  if (failed && error === undefined) problems.push("it failed without a word");
  if (failed && state === undefined && next === undefined) problems.push(`nobody is told how things stand: ${error}`);
  if (cell.fault === "ctrl-c-twice" && !saidTwice) problems.push(`last words are missing: ${first.stderr}`);
  if (wrong && first.exitCode !== 1) problems.push(`exit code ${first.exitCode}, where the release was bad`);
  if (wrong && again.exitCode !== 1) problems.push(`exit code ${again.exitCode} when a bad release was promoted again`);
  if (!wrong && again.exitCode !== 0)
    problems.push(`the same command again ended with ${again.exitCode}: ${said(again).error}`);
  return problems;
}

/** A command that says so has left everything as it was: it failed with 1, or was interrupted before all was done. */
function isUndone({ step, fault }: Cell, { exitCode }: Ended): boolean {
  const interrupted = exitCode === 130 && fault !== "ctrl-c-twice" && !afterAll.includes(step);
  return exitCode === 1 || interrupted;
}

function locksIn(states: readonly string[][]): string[] {
  return states.flat().flatMap((line) => (/^volume .*-lock-\d+$/.test(line) ? [`a lock is left: ${line}`] : []));
}

/** Exit code 0 means the new release everywhere, 1 the old one everywhere. */
function judgeServing(cell: Cell, first: Ended, serves: readonly string[], served: boolean): string[] {
  if (!served) return [];
  const problems = serves.flatMap((release, at) =>
    release === "old" || release === "new" ? [] : [`host ${at + 1} serves ${release}`],
  );
  const promised = first.exitCode === 0 ? "new" : isUndone(cell, first) ? "old" : undefined;
  if (promised !== undefined && serves.some((release) => release !== promised))
    problems.push(`exit code ${first.exitCode}, and ${serves.join(" and ")} serve: ${cellName(cell)}`);
  return problems;
}

function takesHostAway({ fault }: Cell): boolean {
  return ["cut", "blip", "engine-crash", "reboot"].includes(fault);
}

interface Times {
  readonly struck: number;
  readonly ended: number;
  readonly healed: number;
}

function measure(cell: Cell, answers: readonly Answer[], times: Times, before: Release | undefined) {
  const problems: string[] = [];
  const failures: Answer[] = [];
  let away = 0;
  const during: string[][] = [];
  for (const host of [0, 1]) {
    const own = answers.filter((answer) => answer.host === host);
    during.push(stretches(own.filter(({ begun }) => begun < times.ended)));
    // Nobody is served before the first release is there.
    const from = before ? 0 : (own.find(({ release }) => release !== undefined)?.begun ?? Number.POSITIVE_INFINITY);
    const back = own.find(({ begun, release }) => begun > times.healed && release !== undefined)?.begun;
    for (const answer of own) {
      if (answer.error === undefined || answer.begun < from) continue;
      const excused =
        takesHostAway(cell) &&
        host === cell.host &&
        answer.ended >= times.struck &&
        answer.begun <= (back ?? answer.begun);
      if (excused) away += 1;
      else failures.push(answer);
    }
  }
  for (const { host, begun, error } of failures.slice(0, 3))
    problems.push(
      `a request to host ${host + 1} failed ${Math.round(begun - times.struck)} ms after the fault: ${error}`,
    );
  return { failed: failures.length, away, during, problems };
}
