import type { Digest } from "../base/digest.ts";
import type { ObservedContainer, PortMapping } from "../engine/engine.ts";
import type { Health, Task, VolumeMount } from "../environment/model.ts";
import type { Site } from "../proxy/proxy.ts";
import type { Release } from "../release/release.ts";
import type { DesiredContainer } from "./desired.ts";
import { isRunning } from "./observed.ts";
import type { DesiredProxy } from "./proxies.ts";

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
  | WaitStep
  | StopStep
  | { readonly kind: "remove"; readonly container: ExistingContainer; readonly why: string }
  /** Makes a proxy, or starts it again; `replaces` another of the same name, with other ports or of another program. */
  | { readonly kind: "proxy"; readonly proxy: DesiredProxy; readonly replaces: FormerProxy | undefined }
  /** Lets a proxy reach the containers of a network. */
  | { readonly kind: "join"; readonly proxy: string; readonly network: string }
  | RouteStep
  /** Waits until the proxies' requests to containers they no longer route to have ended, at most `limit` milliseconds. */
  | {
      readonly kind: "drain";
      readonly proxies: readonly string[];
      readonly containers: readonly (ExistingContainer & { readonly port: number })[];
      readonly limit: number;
    }
  /** Takes a proxy off a network whose containers it no longer routes to. */
  | { readonly kind: "leave"; readonly proxy: string; readonly network: string }
  /** Removes a proxy that serves nobody any more; certificates that it obtained stay for the next one unless told. */
  | {
      readonly kind: "remove-proxy";
      readonly container: ExistingContainer;
      readonly certificates: boolean;
      readonly why: string;
    };

/** A proxy that gives way to another of its name: all it takes to make it again. */
export interface FormerProxy {
  readonly driver: string;
  readonly image: string;
  readonly ports: readonly PortMapping[];
}

export interface WaitStep {
  readonly kind: "wait-healthy";
  readonly container: ContainerTarget;
  readonly health: Health | undefined;
}

export interface StopStep {
  readonly kind: "stop";
  readonly container: ExistingContainer;
  readonly why: string;
  /** How it is told that the container serves again, once it was started to undo this. */
  readonly health: Health | undefined;
  /** True where nothing that comes next needs what it holds (its ports, say): that its program has ended is enough then. */
  readonly aside?: true;
  /** True of what served nobody. */
  readonly standsDown?: true;
}

/** Lets a proxy serve `site` where it served `before`; without `site` it serves nothing of the stage any more. */
export interface RouteStep {
  readonly kind: "route";
  readonly proxy: { readonly name: string; readonly driver: string };
  readonly id: string;
  readonly site: Site | undefined;
  readonly before: Site | undefined;
}

/** By name: a container that a step before creates has no id yet. */
interface ContainerTarget {
  readonly name: string;
  readonly workload: string;
}

export interface ServingContainer extends ContainerTarget {
  /** Where it listens; undefined where nobody said so. */
  readonly port: number | undefined;
  readonly health: Health | undefined;
}

/** An image by digest: the release, or a service's. */
export interface PlannedImage {
  readonly digest: Digest;
  /** `undefined` for the release, which comes from the stage's repository. */
  readonly service: string | undefined;
  /** For people: `shop 3f2c1ab`, `postgres:16`. */
  readonly title: string;
}

/** What happens on one host, in this order. */
export interface HostPlan {
  readonly host: string;
  /** Disturbs nobody: images, networks, volumes, services, proxies. */
  readonly prepare: readonly Step[];
  /** Starts the new beside the old. Empty where the two cannot run side by side. */
  readonly start: readonly Step[];
  /** Meanwhile stops releases that stood by, and that a newer one will stand by for: there are never three for long. */
  readonly standDown: readonly Step[];
  /** For a canary: one route for each share of the requests. Empty for a rollback. */
  readonly trial: readonly RouteStep[][];
  /** Gives the clients to the new: by the proxy, or by stopping the old and starting the new in its place. */
  readonly switch: readonly Step[];
  /** Lets the old end its requests, and stops it. */
  readonly retire: readonly Step[];
  /** Removes what is left over. */
  readonly tidy: readonly Step[];
  /** True where the app is away between the stop of the old container and the start of the new. */
  readonly gap: boolean;
  /** The containers that run the app once all is done. */
  readonly serving: readonly ServingContainer[];
  /** Names of the proxies that serve the stage then: their access logs tell how it goes. */
  readonly proxies: readonly string[];
  /** What becomes different, in words; empty where no step is needed. */
  readonly changes: readonly string[];
  /** True where what runs gives way to another release or configuration: there is something to try, and to go back to. */
  readonly supersedes: boolean;
  /** True for a rollback: what ran before comes back, and nobody waits until it is tried. */
  readonly returns: boolean;
}

/** A task that runs once a rollout, on one host. */
export interface PlannedTask {
  readonly task: Task;
  readonly host: string;
  readonly app: DesiredContainer;
}

/** What those who use a stage notice on one of its hosts. */
export interface HostNotice {
  readonly host: string;
  readonly why: string;
  /** How long, in milliseconds: from the quickest that is possible to the longest before it counts as failed. */
  readonly atLeast: number;
  readonly atMost: number;
}

/** Whether those who use a stage notice that a plan is carried out. */
export interface Notice {
  readonly noticed: boolean;
  /** The whole of it in plain words. */
  readonly sentence: string;
  readonly hosts: readonly HostNotice[];
}

/** What carrying out a verb on a stage would do, as data: printable, comparable, testable with no engine at all. */
export interface StagePlan {
  readonly environment: string;
  readonly stage: string;
  readonly release: Release;
  readonly hosts: readonly HostPlan[];
  /** Before any host is switched, or after all are, as `when` says. */
  readonly tasks: readonly PlannedTask[];
  readonly notes: readonly string[];
  /** Hosts that the stage has no more, and where nobody took down what ran; each has a note, too. */
  readonly formerHosts: readonly string[];
  /** What those who use the stage notice of it. */
  readonly notice: Notice;
}

export function stepsOf(plan: Omit<HostPlan, "changes">): readonly Step[] {
  const { prepare, standDown, start, trial, retire, tidy } = plan;
  return [...prepare, ...standDown, ...start, ...trial.flat(), ...plan.switch, ...retire, ...tidy];
}

/** True where clients notice nothing of this host's plan, and it is about leftovers or nothing at all. */
export function isSettled(plan: HostPlan): boolean {
  return plan.start.length + plan.switch.length + plan.retire.length === 0;
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
