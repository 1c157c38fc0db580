import type { ObservedContainer, ObservedImage } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import { canonicalJson, type DesiredContainer } from "./desired.ts";
import { isDevContainer } from "./dev-container.ts";
import { describeHealth, ownEndpoint } from "./endpoint.ts";
import { isRunning, runsDigest } from "./observed.ts";

/** One way in which what runs is not what should run. Values of secrets are never in it. */
export interface Difference {
  /** `image`, `env LOG_LEVEL`, `ports`, `memory`, `state`, … */
  readonly what: string;
  readonly wanted: string;
  readonly found: string;
  /** Changing it needs another container, not a mere start. */
  readonly needsReplacement: boolean;
}

/** Compares one container with what it should be, by what the engine says of it and not by its labels alone. */
export function differences(
  desired: DesiredContainer,
  found: ObservedContainer,
  image: ObservedImage | undefined,
  ids: DesiredIdentity,
): Difference[] {
  const list: Difference[] = [];
  const replace = (what: string, wanted: unknown, actual: unknown) => {
    if (canonicalJson(wanted ?? null) !== canonicalJson(actual ?? null)) {
      list.push({ what, wanted: show(wanted), found: show(actual), needsReplacement: true });
    }
  };
  if (!runsDigest(found, { digest: desired.digest, ids: ids[desired.digest] ?? [] }, image)) {
    replace(
      "image",
      desired.digest,
      found.labels[Label.digest] === desired.digest ? found.imageId : (found.labels[Label.digest] ?? found.imageId),
    );
  } else {
    // The right image under another name: whoever believes the label is told wrong.
    replace(`label ${Label.digest}`, desired.digest, found.labels[Label.digest]);
  }
  list.push(...environmentDifferences(desired, found, image));
  if (desired.spec.command !== undefined) replace("command", desired.spec.command, found.command);
  if (desired.spec.entrypoint !== undefined) replace("entrypoint", desired.spec.entrypoint, found.entrypoint);
  if (desired.spec.user !== undefined) replace("user", desired.spec.user, found.user);
  replace("ports", sorted(desired.spec.ports), sorted(found.ports));
  replace("volumes", sorted(desired.spec.mounts), sorted(ownMounts(desired, found)));
  replace("memory", desired.spec.memory, found.memory);
  replace("cpus", desired.spec.cpus, found.cpus);
  replace("restart", desired.spec.restart, found.restart);
  if (!(desired.spec.network in found.networks)) {
    replace("network", desired.spec.network, Object.keys(found.networks).join(", ") || "none");
  }
  const endpoint = ownEndpoint(found);
  if (endpoint) {
    replace("port", desired.workload.port, endpoint.port);
    replace("health check", describeHealth(desired.workload.health), describeHealth(endpoint.health));
  }
  // Files may be synced into a container of `envctl dev` at any time: it is never taken for the release, nor the other way.
  if (desired.workload.dev === undefined ? isDevContainer(found) : !isDevContainer(found)) {
    replace(
      "dev",
      desired.workload.dev === undefined ? "the release" : "envctl dev",
      found.labels[Label.dev] ?? "the release",
    );
  }
  // What no field above shows (a health check's command, a stop signal) is in the hash of the whole configuration.
  if (list.length === 0) replace("configuration", desired.configHash, found.labels[Label.configHash]);
  if (!isRunning(found) || found.state === "paused") {
    list.push({ what: "state", wanted: "running", found: found.state, needsReplacement: false });
  }
  return list;
}

/** By manifest digest: the ids an engine may report for it instead (config and platform manifest digests). */
export type DesiredIdentity = Readonly<Record<string, readonly `sha256:${string}`[]>>;

function environmentDifferences(
  desired: DesiredContainer,
  found: ObservedContainer,
  image: ObservedImage | undefined,
): Difference[] {
  const list: Difference[] = [];
  const secret = new Set(desired.secretNames);
  for (const [name, wanted] of Object.entries(desired.spec.env)) {
    const actual = found.env[name];
    if (actual === wanted) continue;
    const hidden = secret.has(name);
    list.push({
      what: `env ${name}`,
      wanted: hidden ? "<secret>" : wanted,
      found: actual === undefined ? "unset" : hidden ? "<another secret>" : actual,
      needsReplacement: true,
    });
  }
  if (!image) return list;
  for (const [name, actual] of Object.entries(found.env)) {
    const expected = name in desired.spec.env || secret.has(name) || image.env[name] === actual;
    // The value is not shown: what somebody added by hand may well be a secret.
    if (!expected) list.push({ what: `env ${name}`, wanted: "unset", found: "set", needsReplacement: true });
  }
  return list;
}

/** Anonymous volumes come from the image's own VOLUME lines and are not the environment file's business. */
function ownMounts(desired: DesiredContainer, found: ObservedContainer) {
  const wanted = new Set(desired.spec.mounts.map((mount) => mount.target));
  return found.mounts.filter(
    (mount) => wanted.has(mount.target) || mount.kind === "bind" || !/^[0-9a-f]{64}$/.test(mount.source),
  );
}

function sorted<Item>(items: readonly Item[]): Item[] {
  return [...items].sort((left, right) => (canonicalJson(left) < canonicalJson(right) ? -1 : 1));
}

function show(value: unknown): string {
  if (value === undefined || value === null) return "unset";
  return typeof value === "string" ? value : canonicalJson(value);
}
