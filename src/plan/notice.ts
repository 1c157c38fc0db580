import { formatDuration } from "../base/duration.ts";
import type { Stage } from "../environment/model.ts";
import { containersOf, isRunning, type ObservedHost, roleOf, workloadOf } from "./observed.ts";
import { type HostNotice, type HostPlan, isSettled, type Notice, type StopStep, stepsOf } from "./plan.ts";

/** How long a proxy takes to be replaced, where nothing goes wrong. Milliseconds. */
const proxyRestart = 1_000;

/** From the steps of each host and what serves there now. Estimates are of the file: health checks and graces. */
export function noticeOf(stage: Stage, observed: readonly ObservedHost[], plans: readonly HostPlan[]): Notice {
  const unnoticed = (why: string): Notice => ({ noticed: false, sentence: `users notice nothing: ${why}`, hosts: [] });
  if (plans.every((plan) => stepsOf(plan).length === 0)) return unnoticed("nothing changes");
  if (!observed.some((host) => containersOf(host, "app", "app").some(isRunning))) {
    return unnoticed("nothing runs there yet");
  }
  const hosts = plans.flatMap((plan, index) => {
    const host = observed[index];
    return host ? noticesOn(host, stage, plan) : [];
  });
  if (hosts.length > 0) {
    const words = reasons(hosts).map(
      ({ why, names, atLeast, atMost }) => `${span(atLeast, atMost)} on ${names.join(", ")}, because ${why}`,
    );
    return { noticed: true, sentence: `users notice a gap of ${words.join("; and of ")}`, hosts };
  }
  if (plans.every(isSettled)) {
    return unnoticed("what serves them stays as it is");
  }
  if (!stage.proxy && stage.ports.length === 0)
    return unnoticed("nothing of it is published, and the new starts beside the old");
  return unnoticed(
    "the new starts beside the old, and takes over once it is healthy; requests that are under way end in peace",
  );
}

function noticesOn(host: ObservedHost, stage: Stage, plan: HostPlan): HostNotice[] {
  const serves = containersOf(host, "app", "app").some(isRunning);
  if (!serves) return [];
  return [...appGap(host, stage, plan), ...proxyGap(host, plan), ...serviceGaps(host, stage, plan)];
}

function appGap(host: ObservedHost, stage: Stage, plan: HostPlan): HostNotice[] {
  if (!plan.gap) return [];
  const { health } = stage.app;
  const stops = plan.switch.filter((step): step is StopStep => step.kind === "stop" && step.container.running);
  const grace = Math.max(0, ...stops.map(({ container }) => container.stopGrace));
  if (!startsInSwitch(plan))
    return [
      { host: host.name, why: "another proxy takes its place", atLeast: proxyRestart, atMost: proxyRestart + grace },
    ];
  const healthy = health ? Math.min(stage.rollout.timeout, health.interval * health.retries) : 0;
  const first = health?.interval ?? proxyRestart;
  return [{ host: host.name, why: whyGap(stage), atLeast: first, atMost: Math.max(first, grace + healthy) }];
}

/** True where the gap is the app's own: it starts once the old has stopped. Else a proxy alone gives way to another. */
export function startsInSwitch(plan: HostPlan): boolean {
  const app = new Set(plan.serving.map(({ name }) => name));
  return plan.switch.some((step) => step.kind === "start" && app.has(step.container.name));
}

/** Why old and new cannot run side by side. */
export function whyGap(stage: Stage): string {
  if (stage.rollout.strategy === "recreate") return "`strategy: recreate` asks for it";
  if (stage.app.ports.length > 0) return "they share a published port";
  return "its published port passes to another container, this once";
}

function proxyGap(host: ObservedHost, plan: HostPlan): HostNotice[] {
  const replaced = plan.prepare.flatMap((step) => (step.kind === "proxy" && step.replaces ? [step.proxy.name] : []));
  if (replaced.length === 0) return [];
  const why = `${replaced.join(", ")} is replaced by another program, or has other ports`;
  return [{ host: host.name, why, atLeast: proxyRestart, atMost: proxyRestart }];
}

/** Two of one service never run at once: they would write into the same data. */
function serviceGaps(host: ObservedHost, stage: Stage, plan: HostPlan): HostNotice[] {
  return plan.prepare.flatMap((step): HostNotice[] => {
    if (step.kind !== "stop" || !step.container.running) return [];
    const container = host.containers.find(({ id }) => id === step.container.id);
    if (!container || roleOf(container) !== "service") return [];
    const name = workloadOf(container);
    const health = stage.services.find((service) => service.name === name)?.health;
    const atLeast = health?.interval ?? proxyRestart;
    const healthy = health ? health.interval * health.retries : proxyRestart;
    const why = `service ${name} is replaced, and what asks it waits or fails`;
    return [{ host: host.name, why, atLeast, atMost: Math.max(atLeast, step.container.stopGrace + healthy) }];
  });
}

/** Hosts with one reason are told together: one after the other, each has its gap. */
function reasons(hosts: readonly HostNotice[]) {
  const found = new Map<string, { why: string; names: string[]; atLeast: number; atMost: number }>();
  for (const { host, why, atLeast, atMost } of hosts) {
    const key = `${why} ${atLeast} ${atMost}`;
    const known = found.get(key);
    if (known) known.names.push(host);
    else found.set(key, { why, names: [host], atLeast, atMost });
  }
  return [...found.values()];
}

function span(atLeast: number, atMost: number): string {
  if (atLeast >= atMost) return `about ${formatDuration(atLeast)}`;
  return `about ${formatDuration(atLeast)} (at most ${formatDuration(atMost)})`;
}
