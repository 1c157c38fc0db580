import type { Digest } from "../base/digest.ts";
import { messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { ObservedHost } from "../plan/observed.ts";
import { isEmpty, type StagePlan } from "../plan/plan.ts";
import { planStage, releaseIds, type Wanted } from "../plan/plan-stage.ts";
import type { Moment } from "../plan/saved-plan.ts";
import type { Release } from "../release/release.ts";
import { carryOut } from "../rollout/carry-out.ts";
import { type Certificate, readCertificate } from "../rollout/certificate.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import type { HeldLock } from "../rollout/held-lock.ts";
import type { HostWorker } from "../rollout/host-worker.ts";
import { bringRelease, bringService } from "../rollout/image.ts";
import { observeHost, stageLabels } from "../rollout/observe.ts";
import { probeStage } from "../rollout/probe-stage.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { announce } from "./announce.ts";
import { author } from "./author.ts";
import { deployOccasion } from "./deploy-hooks.ts";
import { Ledger } from "./ledger.ts";
import { whileLocked } from "./locked.ts";
import { type Basis, type KeptPlan, requireSame, takeMoment } from "./moment.ts";
import { openHosts } from "./open-hosts.ts";
import { pinServices } from "./pins.ts";
import { asksForProof, isProven, proveDeployment } from "./prove-deployment.ts";
import { bringProxyImage, type ProxyImages, pinProxyImages } from "./proxy-images.ts";
import { recordedRelease, type StageRecord } from "./record.ts";
import { pointTag } from "./repository.ts";
import { requireFree, requireServable } from "./servable.ts";
import { stageSecrets } from "./stage-secrets.ts";
import { sweepLocks } from "./sweep-locks.ts";
import type { VerificationResult } from "./verification.ts";
import { type Standing, standingOf } from "./verified.ts";

export interface Deployment {
  readonly workspace: Workspace;
  readonly stage: Stage;
  readonly release: Release;
  /** The stage's repository, where its hosts pull from. */
  readonly repository: OpenRepository;
  readonly kind: "up" | "promote" | "rollback";
  readonly from: string | undefined;
  readonly dryRun: boolean;
  /** Who signs the record of it; undefined where the history is not signed. */
  readonly signer: Signer | undefined;
  /** Of a promotion: looks at the gates once more, under the lock and before anything is touched. Throws where one is closed. */
  readonly admit?: (ledger: Ledger) => Promise<Admission>;
  /** Why it is done, where nobody typed it. */
  readonly reason?: string;
  /** Manifests of the attestations that count for it: its record names them. */
  readonly attestations?: readonly Digest[] | undefined;
  /** Where its plan is to be kept, or was, and is to be carried out as it is or not at all. */
  readonly kept?: KeptPlan | undefined;
}

/** What the record of a promotion keeps of its gates. */
export type Admission = Pick<StageRecord, "gates" | "attestations">;

export interface DeploymentResult {
  readonly plan: StagePlan;
  /** False where everything was already so; then nothing was written anywhere but what its checks found. */
  readonly changed: boolean;
  /** What its checks found; undefined where none were run. */
  readonly verification?: VerificationResult | undefined;
  /** What the plan follows from, where it is to be kept. */
  readonly moment?: Moment | undefined;
}

/**
 * Read, observe, plan, act, record, prove: makes a stage run a release. All hosts must answer before the first is touched.
 * What is there already is left alone, so that running it again after a crash finishes the work.
 */
export async function deploy(deployment: Deployment): Promise<DeploymentResult> {
  const { workspace, stage } = deployment;
  const engines = await workspace.progress.step(`connect to ${stage.name}`, () => openHosts(workspace, stage));
  const ledger = new Ledger(deployment.repository, workspace.environment.name, stage.name);
  const keepsPlan = deployment.kept?.saved !== undefined;
  const pins = await pinServices(workspace, stage, !deployment.dryRun && !keepsPlan);
  const [secrets, certificate] = await Promise.all([stageSecrets(workspace, stage), readCertificate(stage.proxy)]);
  await requireServable(workspace, stage, certificate);
  const observing = Promise.all(engines.map((engine) => observe(deployment, engine)));
  const [observed, standing] = await Promise.all([observing, readStanding(deployment, ledger)]);
  const { change: last, entry: head } = standing;
  const recorded = last?.outcome === "succeeded" && last.release?.digest === deployment.release.digest;
  const wish = { pins, secrets, certificate: certificate?.fingerprint, unrecorded: head !== undefined && !recorded };
  const recordedAsIs = recorded && last.dev === stage.app.dev;
  const plan = await decide(deployment, engines, observed, wish);
  const moment = await compare(deployment, plan, { ...wish, head });
  if (deployment.dryRun) return { plan, changed: !isEmpty(plan), moment };
  // Not before it is certain that the plan is still that of the world.
  if (keepsPlan) await pinServices(workspace, stage, true);
  const proves = asksForProof(stage);
  if (isEmpty(plan) && recordedAsIs && (!proves || isProven(stage, standing))) {
    await sweepLocks(workspace, stage.name, engines);
    return { plan, changed: false };
  }
  const first = engines[0];
  if (!first) throw new RangeError(`stage ${stage.name} has no host`);
  const why = `envctl ${deployment.kind} ${stage.name} (${deployment.release.name})`;
  // Who is told need not be waited for by the next one who wants the stage.
  const rollOut = workspace.hooks.around(deployOccasion(deployment, secrets), (before) =>
    whileLocked(workspace, stage, first, why, async (lock) => {
      // Somebody else may have changed the stage before the lock was ours: what counts is what is so now.
      const now = await Promise.all(engines.map((engine) => observe(deployment, engine)));
      const current = await decide(deployment, engines, now, wish);
      if (deployment.kept) {
        const { entry } = await readStanding(deployment, ledger);
        await compare(deployment, current, { ...wish, head: entry });
      }
      const proxyImages = await pinProxyImages(workspace, stage, current);
      const changed = !isEmpty(current) || !recordedAsIs;
      const admission = changed ? await deployment.admit?.(ledger) : undefined;
      const action = { engines, ledger, pins, certificate, proxyImages, lock, admission };
      if (changed) {
        await before();
        await act(deployment, current, action);
      }
      const verification = proves ? await prove(deployment, wish, action) : undefined;
      await sweepLocks(workspace, stage.name, engines);
      return { plan: current, changed, verification };
    }),
  );
  try {
    return await rollOut;
  } finally {
    await announce(workspace, ledger.news);
  }
}

async function observe({ workspace, stage, release }: Deployment, engine: Engine): Promise<ObservedHost> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  return await observeHost(engine, place, release, workspace.signal);
}

async function decide(
  deployment: Deployment,
  engines: readonly Engine[],
  observed: readonly ObservedHost[],
  wish: Pick<Wanted, "pins" | "secrets" | "certificate" | "unrecorded">,
): Promise<StagePlan> {
  const { workspace, stage, release } = deployment;
  requireFree(workspace, stage, observed);
  const asItRanThen = deployment.kind === "rollback";
  const wanted = { environment: workspace.environment, stage, release, asItRanThen, ...wish };
  const plan = planStage(wanted, observed);
  if (!isEmpty(plan)) return plan;
  // Nothing to do is a claim: what runs must answer, too.
  const asked = await Promise.all(
    observed.map(async (host, index): Promise<ObservedHost> => {
      const engine = engines[index];
      const probed = engine ? await probeStage(engine, host, stage, workspace.signal) : new Map();
      const unhealthy = [...probed].filter(([, found]) => found.health === "unhealthy").map(([id]) => id);
      return { ...host, unhealthy: new Set(unhealthy) };
    }),
  );
  return planStage(wanted, asked);
}

/** What the plan follows from, where that counts. Throws `plan-outdated` (exit 3) where it was another when it was kept. */
async function compare(deployment: Deployment, plan: StagePlan, basis: Basis): Promise<Moment | undefined> {
  const { workspace, stage, kept } = deployment;
  if (!kept) return undefined;
  const moment = await takeMoment(workspace, stage, plan, basis, kept.salt);
  if (kept.saved) requireSame(kept.saved, moment);
  return moment;
}

/** A registry that does not answer must not keep a stage from rolling back to what its hosts already have. */
async function readStanding({ kind, workspace }: Deployment, ledger: Ledger): Promise<Standing> {
  try {
    return await standingOf(ledger, workspace.signal);
  } catch (error) {
    if (kind !== "rollback") throw error;
    workspace.progress.warn(`the stage's history cannot be read: ${messageOf(error)}`);
    return { change: undefined, entry: undefined, proofs: [] };
  }
}

interface Action {
  readonly engines: readonly Engine[];
  readonly ledger: Ledger;
  readonly pins: Readonly<Record<string, Digest>>;
  readonly certificate: Certificate | undefined;
  readonly proxyImages: ProxyImages;
  readonly lock: HeldLock;
  readonly admission: Admission | undefined;
}

async function act(deployment: Deployment, plan: StagePlan, action: Action): Promise<void> {
  const { workspace, stage } = deployment;
  const { engines, lock } = action;
  const workers = new Map(engines.map((engine) => [engine.name, workerFor(deployment, engine, action)]));
  try {
    if (!isEmpty(plan)) {
      await carryOut({
        plan,
        rollout: stage.rollout,
        workers,
        clock: workspace.clock,
        progress: workspace.progress,
        situation: workspace.situation,
        requireHeld: () => lock.requireHeld(),
        signal: workspace.signal,
      });
    }
  } catch (error) {
    await record(deployment, action, messageOf(error));
    throw error;
  }
  await record(deployment, action, undefined);
}

/** Checks what was brought there; the stage's tag tells what runs, whatever they find. */
async function prove(
  deployment: Deployment,
  wish: Parameters<typeof decide>[3],
  action: Action,
): Promise<VerificationResult> {
  const { workspace, stage, release, kind, signer, repository } = deployment;
  const { engines, ledger, lock } = action;
  if (kind !== "rollback") await pointTag(repository, stage.name, release, workspace.signal);
  const requireHeld = () => lock.requireHeld();
  const bring = async (target: Release, reason: string) => {
    const back: Deployment = { ...deployment, release: target, kind: "rollback", from: undefined, reason };
    const observed = await Promise.all(engines.map((engine) => observe(back, engine)));
    await act(back, await decide(back, engines, observed, wish), action);
    await pointTag(repository, stage.name, target, workspace.signal).catch((error: unknown) => {
      workspace.signal.throwIfAborted();
      workspace.progress.warn(`the tag ${stage.name} is not on ${target.name}: ${messageOf(error)}`);
    });
  };
  return await proveDeployment({ workspace, stage, release, kind, ledger, signer, requireHeld, bring });
}

function workerFor(deployment: Deployment, engine: Engine, action: Action): HostWorker {
  const { workspace, stage, release, repository, kind } = deployment;
  return {
    engine,
    labels: stageLabels(workspace.environment.name, stage.name),
    ids: { [release.digest]: releaseIds(release) },
    timeout: stage.rollout.timeout,
    clock: workspace.clock,
    bring: (image, progress, signal) => {
      const service = stage.services.find((candidate) => candidate.name === image.service);
      return service
        ? bringService(engine, service.image, image.digest, progress, signal)
        : bringRelease(engine, repository, release, progress, signal);
    },
    proxies: new ProxyHost({
      engine,
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
  { ledger, pins, admission }: Action,
  failure: string | undefined,
): Promise<void> {
  const { workspace, stage, release } = deployment;
  const entry: StageRecord = {
    version: 1,
    kind: deployment.kind,
    outcome: failure === undefined ? "succeeded" : "failed",
    environment: workspace.environment.name,
    stage: stage.name,
    release: recordedRelease(release),
    from: deployment.from,
    hosts: stage.hosts.map((host) => host.name),
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
