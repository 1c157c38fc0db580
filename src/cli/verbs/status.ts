import { ExitCode } from "../../base/errors.ts";
import { describeDev } from "../../plan/dev-container.ts";
import type { ContainerStatus, StageStatus } from "../../plan/status.ts";
import { text, type Verb } from "../verb.ts";

const hostTimeout = 10_000;

export const status: Verb = {
  name: "status",
  group: "look",
  summary: "compare what runs with what should, host by host",
  arguments: [["[stage]", "one stage; without it, all"]],
  options: [
    { flags: "--host-timeout <duration>", description: "wait no longer than this for a host (default: 10s)" },
    {
      flags: "--check",
      description: "exit 1 if anything is not as the history has it, 5 if a host does not tell; for cron and CI",
    },
  ],
  changes: false,
  examples: [
    ["envctl status", "every stage and host"],
    ["envctl status prod --json", "for scripts"],
    ["envctl status --check || envctl up prod", "mend prod if somebody changed anything by hand"],
  ],
  run: async (context, [name], options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { readStatus } = await import("../../promotion/status.ts");
    const { readDuration } = await import("../read-duration.ts");
    const limit = readDuration("--host-timeout", text(options, "hostTimeout")) ?? hostTimeout;
    return await withWorkspace(context, name, async (workspace) => {
      const { environment } = workspace;
      const stages = name === undefined ? environment.stages : [findStage(environment, name)];
      const found = await readStatus(workspace, stages, limit);
      const { renderStatus } = await import("../view/status.ts");
      return {
        json: { verb: "status", environment: environment.name, stages: found.map(stageDocument) },
        text: renderStatus(environment.name, found, context, workspace.clock.now()),
        exitCode: options.check === true ? checkCode(found) : ExitCode.done,
      };
    });
  },
};

function checkCode(stages: readonly StageStatus[]): number {
  if (stages.some(({ verdict }) => verdict === "drift")) return ExitCode.failed;
  return stages.some(({ verdict }) => verdict === "unknown") ? ExitCode.unreachable : ExitCode.done;
}

function stageDocument(stage: StageStatus) {
  return {
    stage: stage.stage,
    after: stage.after,
    verdict: stage.verdict,
    expected: stage.expected ?? null,
    verification: stage.verification
      ? { ...stage.verification, since: stage.verification.since ?? null, why: stage.verification.why ?? null }
      : null,
    formerHosts: stage.formerHosts,
    hosts: stage.hosts.map((host) => ({
      host: host.host,
      reachable: host.unreachable === undefined,
      ...(host.unreachable === undefined ? {} : { reason: host.unreachable }),
      containers: host.containers.map(containerDocument),
    })),
  };
}

function containerDocument(container: ContainerStatus) {
  return {
    ...container,
    healthNote: container.healthNote ?? null,
    release: container.release ?? null,
    digest: container.digest ?? null,
    startedAt: container.startedAt?.toISOString() ?? null,
    dev: container.dev ? { ...container.dev, summary: describeDev(container.dev) } : null,
  };
}
