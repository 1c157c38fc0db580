import type { Digest } from "../base/digest.ts";
import { EnvctlError, messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";
import type { HostsSince } from "../plan/former-hosts.ts";
import type { ObservedHost } from "../plan/observed.ts";
import { isEmpty, type StagePlan } from "../plan/plan.ts";
import { releaseIds } from "../plan/plan-stage.ts";
import { carryOut, tidyUp } from "../rollout/carry-out.ts";
import type { Certificate } from "../rollout/certificate.ts";
import type { HeldLock } from "../rollout/held-lock.ts";
import type { HostWorker } from "../rollout/host-worker.ts";
import { bringRelease, bringService } from "../rollout/image.ts";
import { stageLabels } from "../rollout/observe.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import { ReadyCommands } from "../rollout/ready-commands.ts";
import { author } from "./author.ts";
import type { Admission, Deployment } from "./deployment.ts";
import { runsOn } from "./last-hosts.ts";
import type { Ledger } from "./ledger.ts";
import { bringProxyImage, type ProxyImages } from "./proxy-images.ts";
import { recordedRelease, type StageRecord } from "./record.ts";
import { pointTag } from "./repository.ts";
import { secretNames } from "./stage-secrets.ts";

/** What carrying out a plan needs beside it. */
export interface Action {
  readonly engines: readonly Engine[];
  /** By host. */
  readonly commands: ReadonlyMap<string, ReadyCommands>;
  readonly ledger: Ledger;
  readonly pins: Readonly<Record<string, Digest>>;
  readonly certificate: Certificate | undefined;
  readonly proxyImages: ProxyImages;
  readonly lock: HeldLock;
  readonly admission: Admission | undefined;
  /** What became of the hosts that the stage had, as it was before anything was done. */
  readonly since: HostsSince;
}

/**
 * Carries a plan out, which was made of what was observed, and writes down what became of it. Resolves with whether the
 * stage's tag points at the release now.
 */
export async function act(
  deployment: Deployment,
  plan: StagePlan,
  observed: readonly ObservedHost[],
  action: Action,
): Promise<boolean> {
  const { workspace, stage } = deployment;
  const { engines, lock } = action;
  const present = new Map(observed.map((host) => [host.name, host.presentImage]));
  const worker = (engine: Engine) => workerFor(deployment, engine, present.get(engine.name), action);
  const execution = {
    plan,
    rollout: stage.rollout,
    workers: new Map(engines.map((engine) => [engine.name, worker(engine)])),
    clock: workspace.clock,
    progress: workspace.progress,
    situation: workspace.situation,
    requireHeld: () => lock.requireHeld(),
    signal: workspace.signal,
  };
  try {
    if (!isEmpty(plan)) await carryOut(execution);
  } catch (error) {
    await record(deployment, action, messageOf(error));
    throw error instanceof EnvctlError ? error.with({ next: nextAfterFailure(deployment) }) : error;
  }
  // Who asked for it points the tag once more where that fails, and tells why.
  const tagged = deployment.kind === "rollback" ? false : point(deployment).catch(() => false);
  const tidied = isEmpty(plan) ? undefined : tidyUp(execution);
  // Whatever becomes of the leftovers, what the stage runs is written down.
  const [left] = await Promise.allSettled([tidied, record(deployment, action, undefined), tagged]);
  if (left.status === "rejected") throw left.reason;
  return await tagged;
}

/** Whether a release or its stage is to blame, people have to find out. */
function nextAfterFailure({ workspace, stage, kind }: Deployment): string {
  const [first] = workspace.environment.stages;
  if (kind === "rollback")
    return `envctl releases shows what else ${stage.name} could run: envctl rollback ${stage.name} <release>`;
  if (kind === "up" || !first) return `mend what is wrong, then: envctl up ${stage.name}`;
  return `mend what is wrong in ${stage.name}, then: envctl promote ${stage.name}; a release is mended by a new one: envctl up ${first.name}`;
}

async function point({ workspace, stage, release, repository }: Deployment): Promise<boolean> {
  await pointTag(repository, stage.name, release, workspace.signal);
  return true;
}

/** `present` is a reference by which the host has the release already. */
function workerFor(deployment: Deployment, engine: Engine, present: string | undefined, action: Action): HostWorker {
  const { workspace, stage, release, repository, kind } = deployment;
  const commands = action.commands.get(engine.name) ?? new ReadyCommands(engine);
  let brought = present;
  return {
    engine,
    commands,
    labels: stageLabels(workspace.environment.name, stage.name),
    ids: { [release.digest]: releaseIds(release) },
    timeout: stage.rollout.timeout,
    secretNames: secretNames(stage),
    clock: workspace.clock,
    bring: async (image, progress, signal) => {
      const service = stage.services.find((candidate) => candidate.name === image.service);
      if (service) return await bringService(engine, service.image, image.digest, progress, signal);
      brought ??= await bringRelease(engine, repository, release, progress, signal);
      return brought;
    },
    proxies: new ProxyHost({
      engine,
      commands,
      clock: workspace.clock,
      bringImage: (driver, progress, signal) => bringProxyImage(engine, action.proxyImages, driver, progress, signal),
      certificate: action.certificate,
      why: `envctl ${kind} ${stage.name} of ${workspace.environment.name}`,
    }),
  };
}

/** The record is written even after Ctrl-C: it tells what became of the stage. */
async function record(
  deployment: Deployment,
  { ledger, pins, admission, since }: Action,
  failure: string | undefined,
): Promise<void> {
  const { workspace, stage, release, kind } = deployment;
  const outcome = failure === undefined ? "succeeded" : "failed";
  const hosts = stage.hosts.map((host) => host.name);
  const entry: StageRecord = {
    version: 1,
    kind,
    outcome,
    environment: workspace.environment.name,
    stage: stage.name,
    release: recordedRelease(release),
    from: deployment.from,
    hosts,
    ...runsOn({ kind, outcome, hosts }, since),
    services: pins,
    by: author(),
    at: workspace.clock.now().toISOString(),
    reason: failure ?? deployment.reason,
    dev: stage.app.dev,
    ...(deployment.attestations ? { attestations: deployment.attestations } : {}),
    ...admission,
  };
  await workspace.progress.step("record", async (progress) => {
    try {
      await ledger.append(entry, deployment.signer, timeLimit(30_000));
    } catch (error) {
      progress.note("not recorded");
      workspace.progress.warn(`this ${deployment.kind} is not in the stage's history: ${messageOf(error)}`);
    }
  });
}
