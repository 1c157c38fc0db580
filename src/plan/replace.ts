import type { ObservedContainer, PortMapping } from "../engine/engine.ts";
import type { Workload } from "../environment/model.ts";
import { canonicalJson, type DesiredContainer } from "./desired.ts";
import { type DesiredIdentity, type Difference, differences } from "./drift.ts";
import { endpointOf } from "./endpoint.ts";
import { containersOf, isRunning, newestRelease, type ObservedHost } from "./observed.ts";
import { existing, type PlannedImage, type ServingContainer, type Step, type StopStep, type WaitStep } from "./plan.ts";

export interface Matching {
  readonly identity: DesiredIdentity;
  /** True for a rollback: a container kept from then is as good as a new one, with the configuration it had then. */
  readonly asItRanThen: boolean;
}

/** How the containers of one workload on one host become what is wanted. In which order is for others to say. */
export interface Replacement {
  readonly creates: readonly Step[];
  /** Starts, and then waits; empty where all that is wanted runs, and is past its start. */
  readonly starts: readonly Step[];
  /** Waits for what runs already: whoever started it may have been killed before it was healthy. */
  readonly waits: readonly WaitStep[];
  readonly stops: readonly StopStep[];
  /** Ids of containers that are what is wanted. */
  readonly kept: readonly string[];
  /** The containers that run the workload afterwards. */
  readonly serving: readonly ServingContainer[];
  /** What runs now and is not what is wanted, newest first. */
  readonly replaced: readonly ObservedContainer[];
}

/** Creates what is missing, starts it, waits until it is healthy, and stops what it replaces. */
export function replace(
  host: ObservedHost,
  desired: readonly DesiredContainer[],
  how: Matching & { readonly image: PlannedImage },
): Replacement {
  const first = desired[0];
  if (!first) return { creates: [], starts: [], waits: [], stops: [], kept: [], serving: [], replaced: [] };
  const found = containersOf(host, first.role, first.workload.name);
  const matches = desired.map((container) => {
    const match = findMatch(host, found, container, how);
    return { container, match, serves: servingAs(container, match) };
  });
  const matched = new Set(matches.flatMap(({ match }) => (match ? [match.id] : [])));
  const replaced = found.filter((container) => isRunning(container) && !matched.has(container.id));
  const creates: Step[] = [];
  const starts: Step[] = [];
  const starting: WaitStep[] = [];
  const waits: WaitStep[] = [];
  for (const { container, match, serves } of matches) {
    const { health, name, workload } = serves;
    const wait: WaitStep = { kind: "wait-healthy", container: { name, workload }, health };
    if (match && isRunning(match)) {
      (match.health === "starting" ? starting : waits).push(wait);
      continue;
    }
    if (!match) creates.push({ kind: "create", container, image: how.image });
    starts.push({ kind: "start", container: { name, workload } });
    starting.push(wait);
  }
  starts.push(...starting);
  const ranBefore = matches.some(({ match }) => match?.startedAt !== undefined);
  const stopped = replaced.length > 0 || ranBefore ? replaced : lastServing(found);
  return {
    creates,
    starts,
    waits,
    stops: stopped.map((container) => stopStep(container, first.workload)),
    kept: [...matched],
    serving: matches.map(({ serves }) => serves),
    replaced,
  };
}

/**
 * After a crash between stop and start nothing runs. The container that served last is planned as a stop too: stopping
 * it again changes nothing, but if the new one fails, undoing that stop brings the old one back.
 */
function lastServing(found: readonly ObservedContainer[]): ObservedContainer[] {
  const started = found.filter((container) => container.startedAt !== undefined);
  return newestRelease(started.sort((left, right) => Number(right.startedAt) - Number(left.startedAt)));
}

function findMatch(
  host: ObservedHost,
  found: readonly ObservedContainer[],
  container: DesiredContainer,
  matching: Matching,
): ObservedContainer | undefined {
  const same = found.filter(
    (candidate) =>
      Number(candidate.labels["envctl.replica"] ?? "1") === container.replica &&
      candidate.health !== "unhealthy" &&
      !host.unhealthy.has(candidate.id) &&
      candidate.state !== "dead" &&
      candidate.state !== "removing" &&
      candidate.state !== "paused" &&
      !differences(container, candidate, host.images.get(candidate.imageId), matching.identity).some((difference) =>
        matching.asItRanThen
          ? isNoMatchForRollback(difference, container.spec.ports, candidate.ports)
          : difference.needsReplacement && !isRelabelled(difference.what),
      ),
  );
  return same.find(isRunning) ?? same[0];
}

/**
 * What a kept container was is as good as new, but not where it publishes ports that the proxy has now, or has not, and
 * never what `envctl dev` ran.
 */
function isNoMatchForRollback(
  { what }: Difference,
  wanted: readonly PortMapping[],
  found: readonly PortMapping[],
): boolean {
  return what === "ports" ? !isPublishedAt(wanted, found) : what === "image" || what === "network" || what === "dev";
}

/** True of the same ports of the host: to which of its own they lead is the container's matter. */
function isPublishedAt(wanted: readonly PortMapping[], found: readonly PortMapping[]): boolean {
  const [left, right] = [wanted, found].map((ports) =>
    ports.map(({ address = "", hostPort, protocol }) => `${address} ${hostPort}/${protocol}`).sort(),
  );
  return canonicalJson(left) === canonicalJson(right);
}

/** The release's name is for people: the same digest under another name is no reason to replace a container. */
function isRelabelled(what: string): boolean {
  return what === "env ENVCTL_RELEASE";
}

function servingAs({ workload, spec }: DesiredContainer, match: ObservedContainer | undefined): ServingContainer {
  const { port, health } = match ? endpointOf(match, workload) : workload;
  return { name: match?.name ?? spec.name, workload: workload.name, port, health };
}

function stopStep(container: ObservedContainer, workload: Workload): StopStep {
  const { health } = endpointOf(container, workload);
  return { kind: "stop", container: existing(container), why: "replaced", health };
}
