import { shortDigest } from "../base/digest.ts";
import { formatDuration, milliseconds } from "../base/duration.ts";
import type { Task } from "../environment/model.ts";
import { formerHostNote } from "./former-hosts.ts";
import type { JudgedGate } from "./gates/judged-gate.ts";
import { type HostPlan, isEmpty, type RouteStep, type StagePlan, type Step, stepsOf } from "./plan.ts";

/** One step in a few words, for progress and for plans. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case "pull":
      return `pull ${step.image.title} (${shortDigest(step.image.digest)})`;
    case "network":
      return `make network ${step.name}`;
    case "volume":
      return `make volume ${step.name}`;
    case "create":
      return `create ${step.container.spec.name}`;
    case "start":
      return `start ${step.container.name}`;
    case "wait-healthy":
      return `wait until ${step.container.name} is healthy`;
    case "stop":
      return step.standsDown ? `stop ${step.container.name}, which stood by` : `stop ${step.container.name}`;
    case "remove":
    case "remove-proxy":
      return `remove ${step.container.name} (${step.why})`;
    case "proxy":
      return step.replaces
        ? `replace proxy ${step.proxy.name} (${step.proxy.driver}), which is another program, or publishes other ports`
        : `start proxy ${step.proxy.name} (${step.proxy.driver})`;
    case "join":
      return `let ${step.proxy} reach ${step.network}`;
    case "leave":
      return `take ${step.proxy} off ${step.network}`;
    case "route":
      return `let ${step.proxy.name} ${describeRoute(step)}`;
    case "drain":
      return `let ${step.containers.map(({ name }) => name).join(", ")} end its requests (at most ${formatDuration(milliseconds(step.limit))})`;
  }
}

function describeRoute({ id, site }: RouteStep): string {
  if (!site) return `serve ${id} no more`;
  const where = site.domains.length > 0 ? site.domains.join(", ") : site.id;
  const path = site.path === "/" ? "" : site.path;
  if (site.canary) {
    return `give ${site.canary.upstreams.map(({ name }) => name).join(", ")} ${site.canary.weight}% of ${where}${path}`;
  }
  return `serve ${where}${path} by ${site.upstreams.map(({ name }) => name).join(", ")}`;
}

/** What belongs to a plan beside what is done on hosts. */
export interface PlanSurroundings {
  /** Names of the project's own programs that run around it. */
  readonly hooks: readonly string[];
  readonly gates: readonly JudgedGate[];
}

/** The plan for people, a line each; the first says the whole in one sentence. */
export function describePlan(plan: StagePlan, around: PlanSurroundings = { hooks: [], gates: [] }): string[] {
  const title = `${plan.environment} ${plan.release.name} (${shortDigest(plan.release.digest)}) on ${plan.stage}`;
  const gates = around.gates.map(describeGate);
  // Of the notes, only these are about more than what would be done.
  const former = plan.formerHosts.map((host) => `  note: ${formerHostNote(plan.stage, host)}`);
  if (isEmpty(plan)) return [`${title}: nothing to do`, ...gates, ...former];
  const lines = [title, ...gates];
  const hooks = (when: "before" | "after", words: string) => {
    for (const hook of around.hooks) if (hook.startsWith(`${when}-`)) lines.push(`  ${words}: run hook ${hook}`);
  };
  hooks("before", "before anything is touched");
  const tasks = (when: Task["when"], words: string) => {
    for (const { task, host } of plan.tasks) {
      if (task.when === when) lines.push(`  once, ${words}: run task ${task.name} on ${host}`);
    }
  };
  tasks("before-switch", "before any switch");
  for (const host of plan.hosts) lines.push(`  ${host.host}`, ...describeHost(host).map((line) => `    ${line}`));
  tasks("after-switch", "after the last switch");
  hooks("after", "when all is done");
  for (const note of plan.notes) lines.push(`  note: ${note}`);
  return lines;
}

function describeGate({ gate, open, found, missing }: JudgedGate): string {
  return `  gate ${gate} is ${open ? "open" : "closed"}: ${found}${open || missing === undefined ? "" : `; ${missing}`}`;
}

function describeHost(host: HostPlan): string[] {
  const steps = stepsOf(host).filter((step) => step.kind !== "stop" || step.container.running);
  return steps.length === 0 ? ["nothing to do"] : [...host.changes, ...steps.map(describeStep)];
}
