import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import { canonicalJson } from "./desired.ts";
import { type StagePlan, type Step, stepsOf } from "./plan.ts";
import { describeStep } from "./words.ts";

export const plannedVerbs = ["up", "promote", "rollback"] as const;
export type PlannedVerb = (typeof plannedVerbs)[number];

/** A plan that is kept, to be carried out as it is or not at all. Holds no secrets. Version 1: fields are added, never renamed. */
export interface SavedPlan {
  readonly kind: "envctl-plan";
  readonly version: 1;
  readonly verb: PlannedVerb;
  readonly environment: string;
  readonly stage: string;
  /** The release as it was typed; undefined for the one that the verb chooses. */
  readonly asked?: string | undefined;
  readonly release: { readonly name: string; readonly digest: Digest };
  /** RFC 3339. */
  readonly madeAt: string;
  /** `user@machine`. */
  readonly madeBy: string;
  /** Of the fingerprints of secrets. */
  readonly salt: string;
  readonly moment: Moment;
}

/** All that a plan follows from, and the plan itself: where one of it is another, the plan is one of another world. */
export interface Moment {
  /** The newest change in the stage's history: its digest, and in words; null where there is none. */
  readonly head: { readonly digest: string; readonly what: string } | null;
  /** What the environment file gives the stage, by its paths; what looks secret has a fingerprint. */
  readonly configuration: Readonly<Record<string, string>>;
  /** Fingerprints. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Digests. */
  readonly services: Readonly<Record<string, string>>;
  /** Digests of the project's own programs that run around it. */
  readonly hooks: Readonly<Record<string, string>>;
  /** Fingerprint of the user's own certificate. */
  readonly certificate: string | null;
  readonly tasks: readonly PlannedStep[];
  readonly hosts: readonly { readonly host: string; readonly steps: readonly PlannedStep[] }[];
}

interface PlannedStep {
  /** In words. */
  readonly what: string;
  /** Over all that the step is, but for values of variables, which are told in `configuration`. */
  readonly hash: string;
}

/** The steps of a plan, to be kept and compared. */
export function stepsToKeep(plan: StagePlan): Pick<Moment, "tasks" | "hosts"> {
  return {
    tasks: plan.tasks.map(({ task, host }) => ({
      what: `run task ${task.name} on ${host}`,
      hash: hashOf(task),
    })),
    hosts: plan.hosts.map((host) => ({
      host: host.host,
      steps: stepsOf(host).map((step) => ({ what: describeStep(step), hash: hashOf(withoutVariables(step)) })),
    })),
  };
}

function withoutVariables(step: Step): object {
  if (step.kind !== "create") return step;
  const { role, workload, replica, digest, spec, configHash } = step.container;
  return { kind: step.kind, role, workload: workload.name, replica, digest, name: spec.name, configHash };
}

function hashOf(value: object): string {
  return digestOf(canonicalJson(value)).slice("sha256:".length, "sha256:".length + 16);
}

/** In which the world is another than it was, in words; empty where it is the same. */
export function whatMoved(saved: Moment, now: Moment): string[] {
  return [
    ...headMoved(saved, now),
    ...mapMoved(
      saved.configuration,
      now.configuration,
      (path, before, after) => `${path} was ${before ?? "not set"}, and is ${after ?? "not set"}`,
    ),
    ...mapMoved(saved.secrets, now.secrets, (name) => `the secret ${name} has another value`),
    ...mapMoved(
      saved.services,
      now.services,
      (name, before, after) => `service ${name} was ${before ?? "not there"}, and is ${after ?? "not there"}`,
    ),
    ...mapMoved(saved.hooks, now.hooks, (name, before, after) =>
      after === undefined ? `hook ${name} does not run` : `hook ${name} is ${before === undefined ? "new" : "another"}`,
    ),
    ...(saved.certificate === now.certificate ? [] : ["the certificate is another"]),
    ...stepsMoved("", saved.tasks, now.tasks),
    ...hostsMoved(saved, now),
  ];
}

function headMoved(saved: Moment, now: Moment): string[] {
  if (saved.head?.digest === now.head?.digest) return [];
  return [now.head ? `the stage has changed since: ${now.head.what}` : "the stage's history is gone"];
}

function mapMoved(
  saved: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  say: (name: string, before: string | undefined, after: string | undefined) => string,
): string[] {
  return [...new Set([...Object.keys(saved), ...Object.keys(now)])].sort().flatMap((name) => {
    const before = Object.hasOwn(saved, name) ? saved[name] : undefined;
    const after = Object.hasOwn(now, name) ? now[name] : undefined;
    return before === after ? [] : [say(name, before, after)];
  });
}

function hostsMoved(saved: Moment, now: Moment): string[] {
  const names = [...new Set([...saved.hosts, ...now.hosts].map(({ host }) => host))];
  return names.flatMap((name) => {
    const [before, after] = [saved, now].map(({ hosts }) => hosts.find(({ host }) => host === name));
    if (!before) return [`${name} is a new host`];
    return after ? stepsMoved(`${name}: `, before.steps, after.steps) : [`${name} is no longer a host of the stage`];
  });
}

function stepsMoved(prefix: string, saved: readonly PlannedStep[], now: readonly PlannedStep[]): string[] {
  if (canonicalJson(saved) === canonicalJson(now)) return [];
  const only = (some: readonly PlannedStep[], others: readonly PlannedStep[]) =>
    some.filter(({ what }) => !others.some((other) => other.what === what)).map(({ what }) => what);
  const others = now.filter((step) => saved.some(({ what, hash }) => what === step.what && hash !== step.hash));
  const lines = [
    ...only(saved, now).map((what) => `${prefix}no longer to do: ${what}`),
    ...only(now, saved).map((what) => `${prefix}to do by now: ${what}`),
    ...others.map(({ what }) => `${prefix}not the same any more: ${what}`),
  ];
  return lines.length > 0 ? lines : [`${prefix}the same steps in another order`];
}

/** Reads what a file holds: foreign data. Undefined where it is no such plan. */
export function parseSavedPlan(value: unknown): SavedPlan | undefined {
  return isSavedPlan(value) ? value : undefined;
}

function isSavedPlan(value: unknown): value is SavedPlan {
  if (!isObject(value) || value.kind !== "envctl-plan" || value.version !== 1) return false;
  const { verb, environment, stage, asked, release, madeAt, madeBy, salt, moment } = value;
  return (
    plannedVerbs.some((known) => known === verb) &&
    [environment, stage, madeAt, madeBy, salt].every((field) => typeof field === "string") &&
    (asked === undefined || typeof asked === "string") &&
    isObject(release) &&
    typeof release.name === "string" &&
    typeof release.digest === "string" &&
    isDigest(release.digest) &&
    isMoment(moment)
  );
}

function isMoment(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { head, configuration, secrets, services, hooks, certificate, tasks, hosts } = value;
  return (
    (head === null || (isObject(head) && typeof head.digest === "string" && typeof head.what === "string")) &&
    [configuration, secrets, services, hooks].every(isTextMap) &&
    (certificate === null || typeof certificate === "string") &&
    isStepList(tasks) &&
    Array.isArray(hosts) &&
    hosts.every((host) => isObject(host) && typeof host.host === "string" && isStepList(host.steps))
  );
}

function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function isStepList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((step) => isObject(step) && typeof step.what === "string" && typeof step.hash === "string")
  );
}
