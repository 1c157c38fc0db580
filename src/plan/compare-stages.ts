import type { Stage, Workload } from "../environment/model.ts";
import { canonicalJson } from "./desired.ts";

/** One way in which two stages are not alike. */
export interface StageDifference {
  readonly what: string;
  readonly left: string;
  readonly right: string;
}

/** What a stage runs, as far as it is known. */
export interface StageSide {
  readonly stage: Stage;
  readonly release: { readonly name: string; readonly digest: string; readonly commit: string | undefined } | undefined;
  readonly services: Readonly<Record<string, string>>;
}

/** Compares two stages by what they run and by what the environment file gives each. Equal things are left out. */
export function compareStages(left: StageSide, right: StageSide): StageDifference[] {
  const list: StageDifference[] = [];
  const compare = (what: string, one: unknown, other: unknown) => {
    if (canonicalJson(one ?? null) !== canonicalJson(other ?? null))
      list.push({ what, left: show(one), right: show(other) });
  };
  compare("release", left.release?.name, right.release?.name);
  compare("digest", left.release?.digest, right.release?.digest);
  compare("commit", left.release?.commit, right.release?.commit);
  compareWorkloads(left.stage.app, right.stage.app, compare);
  const names = new Set([...left.stage.services, ...right.stage.services].map((service) => service.name));
  for (const name of names) {
    const one = left.stage.services.find((service) => service.name === name);
    const other = right.stage.services.find((service) => service.name === name);
    if (!one || !other) compare(`service ${name}`, one && "runs", other && "runs");
    else {
      compare(`service ${name} image`, left.services[name] ?? one.imageText, right.services[name] ?? other.imageText);
      compareWorkloads(one, other, compare);
    }
  }
  for (const name of new Set([...left.stage.workers, ...right.stage.workers].map((worker) => worker.name))) {
    const one = left.stage.workers.find((worker) => worker.name === name);
    const other = right.stage.workers.find((worker) => worker.name === name);
    if (!one || !other) compare(`worker ${name}`, one && "runs", other && "runs");
    else {
      compare(`worker ${name} hosts`, one.place, other.place);
      compareWorkloads(one, other, compare);
    }
  }
  compare("hosts", left.stage.hosts.length, right.stage.hosts.length);
  compare("rollout", left.stage.rollout, right.stage.rollout);
  return list;
}

function compareWorkloads(
  left: Workload,
  right: Workload,
  compare: (what: string, one: unknown, other: unknown) => void,
): void {
  const at = left.name;
  for (const key of [...new Set([...Object.keys(left.env), ...Object.keys(right.env)])].sort()) {
    compare(`${at} env ${key}`, left.env[key], right.env[key]);
  }
  compare(`${at} secrets`, [...left.secrets].sort(), [...right.secrets].sort());
  compare(`${at} command`, left.command, right.command);
  compare(`${at} ports`, left.ports, right.ports);
  compare(`${at} replicas`, left.replicas, right.replicas);
  compare(`${at} resources`, left.resources, right.resources);
  compare(`${at} volumes`, left.volumes, right.volumes);
  compare(`${at} health`, left.health, right.health);
}

function show(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : canonicalJson(value);
}
