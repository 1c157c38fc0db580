import { formatDuration } from "../base/duration.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import { describeDev, devDifference, differsFromRelease, isDevContainer } from "./dev-container.ts";
import { siteId } from "./naming.ts";
import { startsInSwitch, whyGap } from "./notice.ts";
import { isRunning, labelledDigest, type ObservedHost, roleOf, workloadOf } from "./observed.ts";
import { type HostPlan, stepsOf } from "./plan.ts";
import { servingApp } from "./serving.ts";
import { trialOf } from "./trial.ts";

/** What a person should know of a plan beside its steps. */
export function notesOf(
  environment: Environment,
  stage: Stage,
  release: Pick<Release, "digest">,
  observed: readonly ObservedHost[],
  hosts: readonly HostPlan[],
): string[] {
  const notes: string[] = [];
  if (hosts.some((host) => host.gap && startsInSwitch(host))) {
    notes.push(`the app is away from the stop of the old container until the new one is healthy: ${whyGap(stage)}`);
  }
  const replaced = hosts.flatMap((host) => proxiesAway(host).map((name) => `${name} on ${host.host}`));
  if (replaced.length > 0) {
    notes.push(`other ports or another program take the proxy away for a moment: ${replaced.join(", ")}`);
  }
  if (stage.app.dev === undefined) notes.push(...observed.flatMap((host) => devNotes(host)));
  const place = { environment: environment.name, stage: stage.name };
  notes.push(...standbyNotes(place, release, observed, hosts), ...strategyNotes(stage, hosts));
  const id = siteId(place);
  const maintained = observed.filter((host) =>
    host.proxies.some(({ sites }) => sites.some((site) => site.id === id && site.maintenance)),
  );
  if (maintained.length > 0) {
    notes.push(
      `clients get the maintenance page on ${maintained.map((host) => host.name).join(", ")}, until envctl maintenance off ${stage.name}`,
    );
  }
  const checks = stage.verify.checks.map(({ name }) => name);
  if (
    checks.length > 0 &&
    stage.app.dev === undefined &&
    hosts.some((host) => host.start.length + host.switch.length > 0)
  ) {
    const after = stage.verify.onFailure === "rollback" ? "; if any fails, the release before comes back" : "";
    notes.push(`then its checks are run: ${checks.join(", ")}${after}`);
  }
  if (stage.services.length > 0 && stage.hosts.length > 1) {
    notes.push(
      `services run on the first host alone (${stage.hosts[0]?.name}); the other hosts do not reach them by name`,
    );
  }
  notes.push(...movedServices(stage, observed));
  return notes;
}

/** Proxies that are replaced, or give their ports to another while the app goes on. */
function proxiesAway(host: HostPlan): string[] {
  const replaced = host.prepare.flatMap((step) => (step.kind === "proxy" && step.replaces ? [step.proxy.name] : []));
  if (!host.gap || startsInSwitch(host)) return replaced;
  const leaving = new Set(host.tidy.flatMap((step) => (step.kind === "remove-proxy" ? [step.container.id] : [])));
  const stops = host.switch.filter((step) => step.kind === "stop");
  return [
    ...replaced,
    ...stops.map(({ container }) => container).flatMap(({ id, name }) => (leaving.has(id) ? [name] : [])),
  ];
}

/** Another host is the first now: nobody carries data there. */
function movedServices(stage: Stage, [home, ...others]: readonly ObservedHost[]): string[] {
  const kept = new Set(stage.services.filter(({ volumes }) => volumes.length > 0).map(({ name }) => name));
  return others.flatMap((host) =>
    host.containers
      .filter((found) => isRunning(found) && roleOf(found) === "service" && kept.has(workloadOf(found)))
      .map(
        (found) =>
          `service ${workloadOf(found)} moves from ${host.name} to ${home?.name}: the data in its volumes stays on ${host.name}`,
      ),
  );
}

/** Changes that are in no image, and go with the container that has them. */
function devNotes(host: ObservedHost): string[] {
  return host.containers.filter(isRunning).flatMap((container) => {
    const difference = devDifference(host, container);
    if (!difference || !differsFromRelease(difference)) return [];
    return [`${container.name} on ${host.name} is no release (${describeDev(difference)}): it gives way to this one`];
  });
}

/** Under blue-green: what clients leave stays. But a rollback goes to another release, never to another configuration of this one. */
function standbyNotes(
  place: Parameters<typeof servingApp>[1],
  { digest }: Pick<Release, "digest">,
  observed: readonly ObservedHost[],
  hosts: readonly HostPlan[],
): string[] {
  const staying = hosts.flatMap((host, index) => {
    const found = observed[index];
    const stops = stepsOf(host).flatMap((step) => (step.kind === "stop" ? [step.container.id] : []));
    const serving = host.serving.map(({ name }) => name);
    const left = found ? servingApp(found, place) : [];
    return left.filter(({ id, name }) => !stops.includes(id) && !serving.includes(name));
  });
  if (staying.length === 0) return [];
  const isBefore = staying.some((found) => labelledDigest(found) !== digest && !isDevContainer(found));
  return [
    isBefore
      ? "what serves now stays running: envctl rollback is a mere switch back"
      : "what serves now stays running until the next change",
  ];
}

function strategyNotes({ rollout, proxy }: Stage, hosts: readonly HostPlan[]): string[] {
  const { canary } = rollout;
  const trial = trialOf(hosts, rollout);
  if (!trial) return [];
  const weighed = trial.by === "requests";
  const tried = weighed
    ? `${canary.weights.map((weight) => `${weight}%`).join(", then ")} of the requests`
    : `${trial.hosts.map((host) => host.host).join(", ")} first`;
  const logged = weighed || (proxy?.accessLog ?? false);
  const judged = logged ? `, or more than ${canary.maxErrorRate}% of its answers are errors` : "";
  const notes = [
    `canary: ${tried}, watched for ${formatDuration(canary.bake)}${weighed && canary.weights.length > 1 ? " each" : ""}; it goes back if the new release is unhealthy${judged}`,
  ];
  if (!logged) notes.push("no proxy logs the answers of these hosts: the canary is judged by its health alone");
  return notes;
}
