import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { formerHostNote, hostsSince } from "../plan/former-hosts.ts";
import type { ObservedHost } from "../plan/observed.ts";
import { isEmpty, type StagePlan } from "../plan/plan.ts";
import { planStage, type Wanted } from "../plan/plan-stage.ts";
import type { Moment } from "../plan/saved-plan.ts";
import type { Release } from "../release/release.ts";
import { readCertificate } from "../rollout/certificate.ts";
import { observeHost } from "../rollout/observe.ts";
import { probeStage } from "../rollout/probe-stage.ts";
import { ReadyCommands } from "../rollout/ready-commands.ts";
import { type Action, act } from "./act.ts";
import { announce } from "./announce.ts";
import { deployOccasion } from "./deploy-hooks.ts";
import type { Deployment, DeploymentResult } from "./deployment.ts";
import { keepStopped, restless } from "./keep-stopped.ts";
import { Ledger } from "./ledger.ts";
import { whileLocked } from "./locked.ts";
import { type Basis, requireSame, takeMoment } from "./moment.ts";
import { connectHosts } from "./open-hosts.ts";
import { pinServices } from "./pins.ts";
import { asksForProof, isProven, proveDeployment } from "./prove-deployment.ts";
import { pinProxyImages } from "./proxy-images.ts";
import { pointTag } from "./repository.ts";
import { requireFree, requireGiven, requireServable } from "./servable.ts";
import { stageSecrets } from "./stage-secrets.ts";
import { sweepLocks } from "./sweep-locks.ts";
import type { VerificationResult } from "./verification.ts";
import { isRecorded, type Standing, standingOf } from "./verified.ts";

/**
 * Read, observe, plan, act, record, prove: makes a stage run a release. All hosts must answer before the first is touched.
 * What is there already is left alone, so that running it again after a crash finishes the work.
 */
export async function deploy(deployment: Deployment): Promise<DeploymentResult> {
  const { workspace, stage } = deployment;
  const engines = await connectHosts(workspace, stage);
  const ledger = new Ledger(deployment.repository, workspace.environment.name, stage.name);
  const keepsPlan = deployment.kept?.saved !== undefined;
  const pins = await pinServices(workspace, stage, !deployment.dryRun && !keepsPlan);
  const [secrets, certificate] = await Promise.all([stageSecrets(workspace, stage), readCertificate(stage.proxy)]);
  await requireServable(workspace, stage, certificate);
  const standing = await readStanding(deployment, ledger);
  const { change, entry: head, last } = standing;
  const recorded = isRecorded(standing, deployment.release.digest);
  const wish = { pins, secrets, certificate: certificate?.fingerprint, unrecorded: !recorded, last };
  const recordedAsIs = recorded && change?.dev === stage.app.dev;
  // What the stage does not run by its history is something to do for certain: its hosts are looked at once, under the lock.
  const looksFirst = recordedAsIs || deployment.dryRun || deployment.kept !== undefined;
  const seen = looksFirst ? await observeAll(deployment, engines) : undefined;
  const plan = seen && (await decide(deployment, engines, seen, wish));
  const moment = plan && (await compare(deployment, plan, { ...wish, head }));
  if (plan && deployment.dryRun) return { plan, changed: !isEmpty(plan), moment };
  // Not before it is certain that the plan is still that of the world.
  if (keepsPlan) await pinServices(workspace, stage, true);
  const proves = asksForProof(stage);
  const settled = plan && isEmpty(plan) && seen.every((host) => restless(host).length === 0);
  if (settled && recordedAsIs && (!proves || isProven(stage, standing))) {
    await sweepLocks(workspace, stage.name, engines);
    warnOfFormerHosts(deployment, plan);
    return { plan, changed: false };
  }
  const first = engines[0];
  if (!first) throw new RangeError(`stage ${stage.name} has no host`);
  const why = `envctl ${deployment.kind} ${stage.name} (${deployment.release.name})`;
  const commands = new Map(engines.map((engine) => [engine.name, new ReadyCommands(engine)]));
  // Who is told need not be waited for by the next one who wants the stage.
  const rollOut = () =>
    workspace.hooks.around(deployOccasion(deployment, secrets), (before) =>
      whileLocked(workspace, stage, first, why, async (lock) => {
        // Somebody else may have changed the stage before the lock was ours: what counts is what is so now.
        const now = await observeAll(deployment, engines);
        await keepStopped(engines, now, workspace.signal);
        const current = await decide(deployment, engines, now, wish);
        if (deployment.kept) {
          const { entry } = await readStanding(deployment, ledger);
          await compare(deployment, current, { ...wish, head: entry });
        }
        const proxyImages = await pinProxyImages(workspace, stage, current);
        const changed = !isEmpty(current) || !recordedAsIs;
        const admission = changed ? await deployment.admit?.(ledger) : undefined;
        const since = hostsSince(last, now);
        const action = { engines, commands, ledger, pins, certificate, proxyImages, lock, admission, since };
        const sweeping = sweepLocks(workspace, stage.name, engines);
        try {
          let tagged = false;
          if (changed) {
            await before();
            tagged = await act(deployment, current, now, action);
          }
          warnOfFormerHosts(deployment, current);
          const verification = proves ? await prove(deployment, wish, action) : undefined;
          return { plan: current, changed, verification, tagged };
        } finally {
          await sweeping;
        }
      }),
    );
  try {
    return await rollOut();
  } finally {
    await Promise.all([...commands.values()].map((onHost) => onHost.close()));
    await announce(workspace, ledger.news);
  }
}

async function observeAll(
  { workspace, stage, release }: Deployment,
  engines: readonly Engine[],
): Promise<readonly ObservedHost[]> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  return await Promise.all(engines.map((engine) => observeHost(engine, place, release, workspace.signal)));
}

async function decide(
  deployment: Deployment,
  engines: readonly Engine[],
  observed: readonly ObservedHost[],
  wish: Pick<Wanted, "pins" | "secrets" | "certificate" | "unrecorded" | "last">,
): Promise<StagePlan> {
  const { workspace, stage, release } = deployment;
  await requireFree(workspace, stage, observed);
  const asItRanThen = deployment.kind === "rollback";
  const wanted = { environment: workspace.environment, stage, release, asItRanThen, ...wish };
  const plan = planStage(wanted, observed);
  requireGiven(workspace, stage, observed, plan);
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
    return { change: undefined, entry: undefined, proofs: [], last: undefined };
  }
}

/** Who works on the sources is told by the other verbs: here it would come with each change. */
function warnOfFormerHosts({ workspace, stage }: Deployment, { formerHosts }: StagePlan): void {
  if (stage.app.dev !== undefined) return;
  for (const host of formerHosts) workspace.progress.warn(formerHostNote(stage.name, host));
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
    const observed = await observeAll(back, engines);
    await act(back, await decide(back, engines, observed, wish), observed, action);
    await pointTag(repository, stage.name, target, workspace.signal).catch((error: unknown) => {
      workspace.signal.throwIfAborted();
      workspace.progress.warn(`the tag ${stage.name} is not on ${target.name}: ${messageOf(error)}`);
    });
  };
  return await proveDeployment({ workspace, stage, release, kind, ledger, signer, requireHeld, bring });
}
