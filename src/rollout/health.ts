import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { ContainerEvent, Engine, ObservedContainer } from "../engine/engine.ts";
import type { Health } from "../environment/model.ts";
import { redactorOf } from "../secrets/redactor.ts";
import { lastLines } from "./last-lines.ts";
import { probe } from "./probe.ts";

/** After so many exits a program is taken not to start, even if the engine would go on restarting it. */
const exitLimit = 3;
/** With no health check at all, a program that is still up after this long counts as started. Milliseconds. */
const settleTime = 1000;
const firstPause = { probed: 5, told: 250 };
const longestRest = 50;
/** A container that is probed is not looked at again within this time: nobody waits for the news that it has exited. Milliseconds. */
const inspectionInterval = 25;
/** Most programs are there in a second, and each moment until that is seen is one that people wait. Milliseconds. */
const eager = 1000;

export interface HealthWait {
  readonly engine: Engine;
  readonly name: string;
  /** Labels the container carries, to hear of its events and of few others. */
  readonly labels: Readonly<Record<string, string>>;
  readonly health: Health | undefined;
  /** Variables of the container whose values are told to nobody: why it is unhealthy is recorded, and sent to others. */
  readonly secretNames: readonly string[];
  /** Milliseconds; the shorter of this and the check's own retries × interval holds, and this for the image's HEALTHCHECK. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the container is healthy: by our probe (HTTP, TCP), by the engine's own health check (a command or the
 * image's HEALTHCHECK), or, where there is neither, by staying up. Throws `unhealthy` with the last log lines otherwise.
 */
export async function waitUntilHealthy(wait: HealthWait): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([wait.signal, stop.signal]);
  try {
    // A probe asks again and again, and looks at the container each time; the engine's own checks are heard of by its
    // events, subscribed to before the first look, so that nothing can happen unseen between the two.
    const news = new News(isProbed(wait.health) ? nothing() : await wait.engine.events(wait.labels, signal));
    await watch(wait, news, signal);
  } finally {
    stop.abort();
  }
}

async function watch(wait: HealthWait, news: News, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  let budget = wait.health ? Math.min(wait.timeout, wait.health.interval * wait.health.retries) : wait.timeout;
  // Of what is not probed, events tell.
  let pause = isProbed(wait.health) ? firstPause.probed : firstPause.told;
  let last = "it has not answered yet";
  let lastExit: number | undefined;
  let container: ObservedContainer | undefined;
  let inspected = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    const asked = performance.now();
    if (asked - inspected >= (isProbed(wait.health) ? inspectionInterval : 0)) {
      container = await wait.engine.container(wait.name, signal);
      inspected = performance.now();
    }
    if (!container) throw await unhealthy(wait, undefined, "the container was removed by somebody else");
    lastExit = container.exitCode ?? lastExit;
    const exits = Math.max(container.restartCount, news.exits(container.id));
    if (exits >= exitLimit || container.state === "exited" || container.state === "dead") {
      throw await unhealthy(wait, container, exitText({ ...container, exitCode: lastExit }, exits));
    }
    const verdict = await judge(wait, container, performance.now() - started, signal);
    if (verdict === "healthy") return;
    last = verdict;
    // It answers our probe. What its own check takes, that one's interval says, which by default is as long as all our tries.
    if (isProbed(wait.health) && verdict === checking) budget = wait.timeout;
    const left = budget - (performance.now() - started);
    if (left <= 0) throw await unhealthy(wait, container, `within ${formatDuration(budget)}: ${last}`);
    wait.progress.update(last);
    // Where asking takes long, as over SSH, it is not what the host is busy with.
    const rest = Math.max(pause, Math.min(longestRest, performance.now() - asked));
    await news.next(Math.min(rest, left), wait.clock, signal);
    if (performance.now() - started > eager) pause = Math.min(pause * 2, wait.health?.interval ?? 500);
  }
}

/** Where the engine's own check is still missing. */
const checking = "its health check has not passed yet";

/** `healthy`, or what is still missing. */
async function judge(
  wait: HealthWait,
  container: ObservedContainer,
  elapsed: number,
  signal: AbortSignal,
): Promise<string> {
  if (container.state !== "running") return `it is ${container.state}`;
  const health = wait.health;
  if (isProbed(health)) {
    const wrong = await probe(wait.engine, container, health, signal);
    // An image's own HEALTHCHECK counts as well.
    if (wrong !== undefined || container.health === "none") return wrong ?? "healthy";
  }
  if (container.health === "healthy") return "healthy";
  if (container.health === "unhealthy") {
    throw await unhealthy(wait, container, `its health check fails: ${container.healthOutput?.trim() || "no output"}`);
  }
  if (container.health === "starting") return checking;
  if (container.restartCount > 0) return `it was restarted ${container.restartCount} times`;
  return elapsed >= settleTime ? "healthy" : "started";
}

type ProbedHealth = Extract<Health, { kind: "http" | "tcp" }>;

function isProbed(health: Health | undefined): health is ProbedHealth {
  return health?.kind === "http" || health?.kind === "tcp";
}

function exitText(container: ObservedContainer, exits: number): string {
  if (container.outOfMemory) return "it ran out of memory and was killed";
  const code = container.exitCode === undefined ? "" : ` with code ${container.exitCode}`;
  const engineError = container.error ? `: ${container.error}` : "";
  if (exits <= 1) return `it exited${code}${engineError}`;
  return `it exited ${exits} times${code === "" ? "" : `, last${code}`}${engineError}`;
}

/** The error for a container that did not become healthy, with its last words. */
async function unhealthy(
  wait: HealthWait,
  container: ObservedContainer | undefined,
  why: string,
): Promise<EnvctlError> {
  const { redact } = redactorOf(container?.env ?? {}, wait.secretNames);
  const printed = container ? (await lastLines(wait.engine, container.id, 20)).map(redact) : [];
  const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);
  // The time may be over before the engine has seen so many failures that it counts the container as unhealthy.
  const said = container?.healthOutput?.trim() ?? "";
  const checked = why.includes(said) ? "" : said;
  return new EnvctlError({
    code: "unhealthy",
    exitCode: ExitCode.failed,
    what: `${wait.name} did not become healthy: ${redact(why)}`,
    where: `${wait.engine.name}, container ${wait.name}`,
    evidence: [
      ...(checked === "" ? [] : ["its health check said:", ...indented(redact(checked).split("\n"))]),
      ...(printed.length > 0 ? ["its last output:", ...indented(printed)] : ["it printed nothing"]),
    ],
  });
}

async function* nothing(): AsyncGenerator<ContainerEvent> {}

/** Counts exits and wakes a waiter at the next event. */
class News {
  readonly #exits = new Map<string, number>();
  #wake: () => void = () => {};
  #pending = false;

  constructor(events: AsyncIterable<ContainerEvent>) {
    void this.#read(events);
  }

  async #read(events: AsyncIterable<ContainerEvent>): Promise<void> {
    try {
      for await (const event of events) {
        if (event.action === "die") this.#exits.set(event.id, (this.#exits.get(event.id) ?? 0) + 1);
        if (event.action !== "die" && event.action !== "health_status" && event.action !== "start") continue;
        this.#pending = true;
        this.#wake();
      }
    } catch {
      // The stream ends with the wait, or with the engine: then the next look at the container says so.
    }
  }

  exits(id: string): number {
    return this.#exits.get(id) ?? 0;
  }

  async next(limit: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (!this.#pending) {
      const enough = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const waited = clock.wait(limit, AbortSignal.any([signal, enough.signal])).catch(() => {});
      await Promise.race([woken, waited]);
      enough.abort();
    }
    this.#pending = false;
  }
}
