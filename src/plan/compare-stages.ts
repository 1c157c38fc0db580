import { flatten } from "../base/flatten.ts";
import { mask, maskValue } from "../environment/mask.ts";
import type { Stage, Workload } from "../environment/model.ts";
import { stageDocument } from "../environment/resolved-document.ts";
import { type ImageContent, sizeOf } from "./compare-images.ts";

/** One way in which two stages are not alike; null is what one of them does not have. */
export interface StageDifference {
  readonly section: "release" | "configuration" | "environment" | "services";
  /** A path in the environment file, where it is of there: `app.env.LOG_LEVEL`. */
  readonly what: string;
  readonly left: string | null;
  readonly right: string | null;
}

/** What a stage runs, as far as it is known. */
export interface StageSide {
  readonly stage: Stage;
  readonly release:
    | {
        readonly name: string;
        readonly digest: string;
        readonly commit: string | undefined;
        readonly builtAt: string;
      }
    | undefined;
  readonly image: ImageContent | undefined;
  /** Digests of the services' images, as they were deployed. */
  readonly services: Readonly<Record<string, string>>;
  /** Values of those secrets that are to be had here. Never shown. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface StageComparison {
  readonly differences: readonly StageDifference[];
  /** What may differ, and cannot be told here. */
  readonly unknown: readonly string[];
}

/** Short, and the same for the same value, but of no use to whoever wants the value. */
type Fingerprint = (value: string) => string;

/** Compares two stages by what they run and by what the environment file gives each. Equal things are left out. */
export function compareStages(left: StageSide, right: StageSide, fingerprint: Fingerprint): StageComparison {
  const environment = compareEnvironments(left, right, fingerprint);
  return {
    differences: [
      ...differing("release", releaseFacts(left), releaseFacts(right)),
      ...differing("configuration", configuration(left.stage, right.stage), configuration(right.stage, left.stage)),
      ...environment.differences,
      ...differing("services", serviceFacts(left, right), serviceFacts(right, left)),
    ],
    unknown: environment.unknown,
  };
}

function differing(
  section: StageDifference["section"],
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): StageDifference[] {
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((what) => {
    const [one, other] = [left.get(what) ?? null, right.get(what) ?? null];
    return one === other ? [] : [{ section, what, left: one, right: other }];
  });
}

function releaseFacts({ release, image }: StageSide): Map<string, string> {
  const { name, digest, commit, builtAt } = release ?? {};
  const facts = { name, digest, commit, "built at": builtAt, size: image && `${sizeOf(image.layers)} bytes` };
  return new Map(Object.entries(facts).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

/** Variables are told of on their own: here they would be masked, and look alike. */
const variables = /^(?:app|workers\.[^.]+|services\.[^.]+)\.env(?:\.|$)/;

/** What the file gives a stage; of a worker or service that only this one has, no more than that it runs. */
function configuration(stage: Stage, other: Stage): Map<string, string> {
  const document = flatten(stageDocument(stage));
  const alone = [...namesAlone("workers", stage, other), ...namesAlone("services", stage, other)];
  for (const path of document.keys()) {
    const told = alone.some((name) => path.startsWith(`${name}.`));
    if (told || variables.test(path) || path === "after") document.delete(path);
  }
  for (const name of alone) document.set(name, "runs");
  return document;
}

function namesAlone(kind: "workers" | "services", stage: Stage, other: Stage): string[] {
  const theirs = new Set(other[kind].map(({ name }) => name));
  return stage[kind].filter(({ name }) => !theirs.has(name)).map(({ name }) => `${kind}.${name}`);
}

function serviceFacts(side: StageSide, other: StageSide): Map<string, string> {
  const both = side.stage.services.filter(({ name }) => other.stage.services.some((one) => one.name === name));
  return new Map(both.map(({ name }) => [`services.${name} digest`, side.services[name] ?? "not deployed yet"]));
}

function compareEnvironments(left: StageSide, right: StageSide, fingerprint: Fingerprint): StageComparison {
  const differences: StageDifference[] = [];
  const unknown: string[] = [];
  for (const [path, one] of workloadsOf(left.stage)) {
    const other = workloadsOf(right.stage).get(path);
    if (!other) continue;
    for (const name of namesIn(one, other)) {
      const what = `${path}.env.${name}`;
      const [here, there] = [variableOf(left, one, name), variableOf(right, other, name)];
      const missing = [here, there].flatMap((found, index) =>
        found?.value === undefined && found?.secret ? [(index === 0 ? left : right).stage.name] : [],
      );
      if (missing.length > 0 && here?.secret && there?.secret) {
        unknown.push(`whether ${what} is another secret: it has no value here for ${missing.join(" and ")}`);
      } else if (here?.value !== there?.value || here?.secret !== there?.secret) {
        differences.push({
          section: "environment",
          what,
          left: show(name, here, fingerprint),
          right: show(name, there, fingerprint),
        });
      }
    }
  }
  return { differences, unknown };
}

function workloadsOf(stage: Stage): Map<string, Workload> {
  return new Map([
    ["app", stage.app],
    ...stage.workers.map((worker) => [`workers.${worker.name}`, worker] as const),
    ...stage.services.map((service) => [`services.${service.name}`, service] as const),
  ]);
}

function namesIn(...workloads: readonly Workload[]): string[] {
  return [...new Set(workloads.flatMap(({ env, secrets }) => [...Object.keys(env), ...secrets]))].sort();
}

interface Variable {
  readonly secret: boolean;
  readonly value: string | undefined;
}

function variableOf(side: StageSide, workload: Workload, name: string): Variable | undefined {
  if (workload.secrets.includes(name)) {
    return { secret: true, value: Object.hasOwn(side.secrets, name) ? side.secrets[name] : undefined };
  }
  return Object.hasOwn(workload.env, name) ? { secret: false, value: workload.env[name] } : undefined;
}

function show(name: string, variable: Variable | undefined, fingerprint: Fingerprint): string | null {
  if (!variable) return null;
  const { secret, value } = variable;
  if (value === undefined) return "<secret> not available here";
  if (secret) return `<secret> ${fingerprint(value)}`;
  const shown = maskValue(name, value);
  return shown.includes(mask) ? `${shown} ${fingerprint(value)}` : shown;
}
