import type { Digest } from "../base/digest.ts";
import type { ObservedContainer } from "../engine/engine.ts";
import type { Health, Task, VolumeMount } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { DesiredContainer } from "./desired.ts";
import { isRunning } from "./observed.ts";

/** A container that is there already. */
export interface ExistingContainer {
  readonly id: string;
  readonly name: string;
  readonly stopGrace: number;
  readonly running: boolean;
}

/** One change on one host. Every step is safe to repeat; `rollout/step.ts` knows how each is done and undone. */
export type Step =
  | { readonly kind: "pull"; readonly image: PlannedImage }
  | { readonly kind: "network"; readonly name: string }
  | { readonly kind: "volume"; readonly name: string; readonly mount: VolumeMount }
  | { readonly kind: "create"; readonly container: DesiredContainer; readonly image: PlannedImage }
  | { readonly kind: "start"; readonly container: ContainerTarget }
  | { readonly kind: "wait-healthy"; readonly container: ContainerTarget; readonly health: Health | undefined }
  | { readonly kind: "stop"; readonly container: ExistingContainer; readonly why: string }
  | { readonly kind: "remove"; readonly container: ExistingContainer; readonly why: string };

/** By name: a container that a step before creates has no id yet. */
interface ContainerTarget {
  readonly name: string;
  readonly workload: string;
}

/** An image by digest: the release, or a service's. */
export interface PlannedImage {
  readonly digest: Digest;
  /** `undefined` for the release, which comes from the stage's repository. */
  readonly service: string | undefined;
  /** For people: `shop 3f2c1ab`, `postgres:16`. */
  readonly title: string;
}

/** What happens on one host: `prepare` disturbs nobody, `switch` replaces the app, `tidy` removes what is left over. */
export interface HostPlan {
  readonly host: string;
  readonly prepare: readonly Step[];
  readonly switch: readonly Step[];
  readonly tidy: readonly Step[];
  /** True where the app is away between the stop of the old container and the start of the new. */
  readonly gap: boolean;
}

/** What carrying out a verb on a stage would do, as data: printable, comparable, testable with no engine at all. */
export interface StagePlan {
  readonly environment: string;
  readonly stage: string;
  readonly release: Release;
  readonly hosts: readonly HostPlan[];
  /** Run once a rollout, on the first host, before any switch. */
  readonly tasks: readonly { readonly task: Task; readonly host: string; readonly app: DesiredContainer }[];
  readonly notes: readonly string[];
}

export function stepsOf(plan: HostPlan): readonly Step[] {
  return [...plan.prepare, ...plan.switch, ...plan.tidy];
}

/** True where the world is already as the plan wants it. */
export function isEmpty(plan: StagePlan): boolean {
  return plan.tasks.length === 0 && plan.hosts.every((host) => stepsOf(host).length === 0);
}

export function existing(container: ObservedContainer): ExistingContainer {
  return {
    id: container.id,
    name: container.name,
    stopGrace: container.stopGrace,
    running: isRunning(container),
  };
}
