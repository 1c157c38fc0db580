import type { Digest } from "../base/digest.ts";
import { Label, type ObservedContainer, type ObservedImage } from "../engine/engine.ts";
import type { Site } from "../proxy/proxy.ts";
import type { WorkloadRole } from "./desired.ts";
import type { NameRival } from "./name-rivals.ts";

/** All that envctl knows about one stage on one host, read in one go. */
export interface ObservedHost {
  /** As the environment file names it. */
  readonly name: string;
  /** The stage's containers, running or not. */
  readonly containers: readonly ObservedContainer[];
  /** The images those containers run, by the container's `imageId`. */
  readonly images: ReadonlyMap<Digest, ObservedImage>;
  /** A reference by which this host already has the release that is asked for. */
  readonly presentImage: string | undefined;
  /** Ids of running containers that do not pass their stage's health check. */
  readonly unhealthy: ReadonlySet<string>;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Stages of other environments whose networks or volumes have the names that are this stage's. */
  readonly rivals: readonly NameRival[];
  /** By container id: files that `envctl dev` changed in it. Containers without are not in it. */
  readonly synced: ReadonlyMap<string, SyncedFiles>;
  /** All proxies of envctl's on this host, whosever sites they serve. */
  readonly proxies: readonly ObservedProxy[];
}

/** What of a stage runs on a host, and serves. */
export type RunningHost = Pick<ObservedHost, "containers" | "images" | "synced" | "proxies">;

/** Files in a container that are not, or no longer, those of its image: container paths, sorted. */
export interface SyncedFiles {
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** A reverse proxy on a host, and what it serves. */
export interface ObservedProxy {
  readonly container: ObservedContainer;
  readonly driver: string;
  readonly sites: readonly Site[];
}

export function roleOf(container: ObservedContainer): string {
  return container.labels[Label.role] ?? "";
}

export function workloadOf(container: ObservedContainer): string {
  return container.labels[Label.workload] ?? "";
}

export function generationOf(container: ObservedContainer): number {
  const generation = Number(container.labels[Label.generation]);
  return Number.isSafeInteger(generation) ? generation : 0;
}

export function isRunning(container: ObservedContainer): boolean {
  return container.state === "running" || container.state === "restarting" || container.state === "paused";
}

/** Newest first. */
export function byGeneration(containers: readonly ObservedContainer[]): ObservedContainer[] {
  return [...containers].sort(
    (left, right) => generationOf(right) - generationOf(left) || right.createdAt.getTime() - left.createdAt.getTime(),
  );
}

/** The containers of one workload, newest first. */
export function containersOf(host: ObservedHost, role: WorkloadRole, workload: string): ObservedContainer[] {
  return byGeneration(
    host.containers.filter((container) => roleOf(container) === role && workloadOf(container) === workload),
  );
}

/**
 * Of containers of one release, the first of each replica of each workload. Those that came when more replicas were wanted
 * are of a later generation than those beside them.
 */
export function firstOfEachReplica(containers: readonly ObservedContainer[]): ObservedContainer[] {
  const first = new Map<string, ObservedContainer>();
  for (const container of containers) {
    const place = `${roleOf(container)} ${workloadOf(container)} ${container.labels[Label.replica] ?? "1"}`;
    if (!first.has(place)) first.set(place, container);
  }
  return [...first.values()];
}

/** The containers of the newest of one workload's releases, given newest first. */
export function newestRelease(containers: readonly ObservedContainer[]): ObservedContainer[] {
  const [newest] = containers;
  if (!newest) return [];
  return firstOfEachReplica(containers.filter((other) => labelledDigest(other) === labelledDigest(newest)));
}

/** What a container of the app runs, as its label says; whether that is true is another question (`runsDigest`). */
export function labelledDigest(container: ObservedContainer): string | undefined {
  return container.labels[Label.digest];
}

/**
 * True where the engine itself says that this container runs the image with this manifest digest. Classic stores
 * report the config digest as a container's image, containerd stores the manifest digest, and both list the digests
 * an image was pulled by (Engine API: `RepoDigests`).
 */
export function runsDigest(
  container: ObservedContainer,
  identity: { readonly digest: Digest; readonly ids: readonly Digest[] },
  image: ObservedImage | undefined,
): boolean {
  if (container.imageId === identity.digest || identity.ids.includes(container.imageId)) return true;
  return image?.repoDigests.some((reference) => reference.endsWith(`@${identity.digest}`)) ?? false;
}
