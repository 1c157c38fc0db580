import { shortDigest } from "../base/digest.ts";
import { type HostPlan, isEmpty, type StagePlan, type Step, stepsOf } from "./plan.ts";

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
      return `stop ${step.container.name}`;
    case "remove":
      return `remove ${step.container.name} (${step.why})`;
  }
}

/** The plan for people, a line each; the first says the whole in one sentence. */
export function describePlan(plan: StagePlan): string[] {
  const title = `${plan.environment} ${plan.release.name} (${shortDigest(plan.release.digest)}) on ${plan.stage}`;
  if (isEmpty(plan)) return [`${title}: nothing to do`];
  const lines = [title];
  for (const { task, host } of plan.tasks) lines.push(`  once, before any switch: run task ${task.name} on ${host}`);
  for (const host of plan.hosts) lines.push(`  ${host.host}`, ...describeHost(host).map((line) => `    ${line}`));
  for (const note of plan.notes) lines.push(`  note: ${note}`);
  return lines;
}

function describeHost(host: HostPlan): string[] {
  const steps = stepsOf(host).filter((step) => step.kind !== "stop" || step.container.running);
  return steps.length === 0 ? ["nothing to do"] : steps.map(describeStep);
}
