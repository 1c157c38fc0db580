import { isDigest } from "../base/digest.ts";
import type { HostAddress } from "../base/host.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { hostsSince, type LastHosts } from "../plan/former-hosts.ts";
import { labelledDigest, type ObservedHost } from "../plan/observed.ts";
import { servingApp } from "../plan/serving.ts";
import {
  type ExpectedRelease,
  type HostStatus,
  hostStatus,
  type StageFacts,
  type StageStatus,
  type StageVerified,
  stageStatus,
} from "../plan/status.ts";
import type { Release } from "../release/release.ts";
import { observeHost } from "../rollout/observe.ts";
import { probeStage } from "../rollout/probe-stage.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { redactorOf } from "../secrets/redactor.ts";
import { askHost, whyNot, within } from "./ask-host.ts";
import { lastHosts } from "./last-hosts.ts";
import { Ledger } from "./ledger.ts";
import { readPins } from "./pins.ts";
import { isChange, type StageRecord } from "./record.ts";
import { loadRelease } from "./releases.ts";
import { secretNames, stageSecrets } from "./stage-secrets.ts";
import { judgeProofs } from "./verified.ts";

/**
 * Compares what runs with what should, all stages and hosts at once. A host that does not answer within `hostTimeout`
 * milliseconds is shown as out of reach and keeps nobody else waiting; nor does a registry.
 */
export async function readStatus(
  workspace: Workspace,
  stages: readonly Stage[],
  hostTimeout: number,
): Promise<StageStatus[]> {
  return await Promise.all(stages.map((stage) => readStage(workspace, stage, hostTimeout)));
}

interface Looked {
  readonly address: HostAddress;
  readonly result: { readonly engine: Engine; readonly observed: ObservedHost } | { readonly unreachable: string };
}

async function readStage(workspace: Workspace, stage: Stage, hostTimeout: number): Promise<StageStatus> {
  const [{ expectation, silent, verification, last }, looked] = await Promise.all([
    expectedRelease(workspace, stage, hostTimeout),
    Promise.all(stage.hosts.map((host) => look(workspace, stage, host, hostTimeout))),
  ]);
  const expected =
    expectation ?? runningEverywhere(looked, { environment: workspace.environment.name, stage: stage.name });
  const facts: StageFacts = {
    environment: workspace.environment,
    stage,
    release: expected && (silent ? unknownBut(expected) : await releaseOf(workspace, stage, expected, hostTimeout)),
    pins: await readPins(workspace.environment.directory),
    secrets: await knownSecrets(workspace, stage),
  };
  const hosts = await Promise.all(
    looked.map(async ({ address, result }, index): Promise<HostStatus> => {
      if ("unreachable" in result) return { host: address.name, unreachable: result.unreachable, containers: [] };
      const { engine, observed } = result;
      const probed = await probeStage(engine, observed, stage, workspace.signal, hostTimeout);
      return hostStatus(facts, observed, index === 0, probed);
    }),
  );
  const present = looked.map(({ address: { name }, result }) => ({
    name,
    containers: "observed" in result ? result.observed.containers : undefined,
  }));
  const { former } = hostsSince(last, present);
  return stageStatus(stage, expectation, hosts, { verification, formerHosts: former });
}

async function look(workspace: Workspace, stage: Stage, address: HostAddress, hostTimeout: number): Promise<Looked> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  const answer = await askHost(workspace, address, hostTimeout, async (engine, signal) => ({
    engine,
    observed: masked(await observeHost(engine, place, undefined, signal), secretNames(stage)),
  }));
  return { address, result: "answer" in answer ? answer.answer : answer };
}

/** What a health check prints is shown, and may have secrets in it. */
function masked(observed: ObservedHost, names: readonly string[]): ObservedHost {
  const containers = observed.containers.map((container) => {
    const { env, healthOutput } = container;
    return { ...container, healthOutput: healthOutput && redactorOf(env, names).redact(healthOutput) };
  });
  return { ...observed, containers };
}

interface Expectation {
  readonly expectation: ExpectedRelease | undefined;
  /** The registry did not answer: asking it for more would only take longer. */
  readonly silent: boolean;
  readonly verification: StageVerified | undefined;
  /** Where the stage ran after its newest change. */
  readonly last: LastHosts | undefined;
}

async function expectedRelease(workspace: Workspace, stage: Stage, hostTimeout: number): Promise<Expectation> {
  const signal = within(workspace, hostTimeout);
  let last: LastHosts | undefined;
  try {
    const repository = await workspace.connections.repository(stage.repository);
    const ledger = new Ledger(repository, workspace.environment.name, stage.name);
    const since: StageRecord[] = [];
    for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, signal)) {
      if (isChange(record)) last ??= lastHosts(record, since);
      since.push(record);
      if (record.outcome === "failed" || !isChange(record)) continue;
      if (record.kind === "down" || !record.release) break;
      const { name, digest } = record.release;
      const expectation = { name, digest, at: record.at, by: record.by };
      const proofs = since.filter(({ kind }) => kind === "verify");
      return { expectation, silent: false, verification: verificationOf(stage, record, proofs), last };
    }
  } catch (error) {
    workspace.signal.throwIfAborted();
    workspace.progress.warn(`the history of ${stage.name} cannot be read: ${whyNot(error, signal, hostTimeout)}`);
    return { expectation: undefined, silent: true, verification: undefined, last };
  }
  return { expectation: undefined, silent: false, verification: undefined, last };
}

function verificationOf(stage: Stage, change: StageRecord, proofs: readonly StageRecord[]): StageVerified | undefined {
  if (stage.verify.checks.length === 0) return undefined;
  if (change.dev !== undefined) return { verified: false, since: undefined, why: "what envctl dev runs is no release" };
  const own = proofs.filter(({ release }) => release?.digest === change.release?.digest);
  const judged = judgeProofs(stage, change, own);
  if ("at" in judged) return { verified: true, since: judged.at, why: undefined };
  return { verified: false, since: undefined, why: judged.why };
}

/** Without a history, what all hosts say they run is taken as what they should run. */
function runningEverywhere(
  looked: readonly Looked[],
  place: { readonly environment: string; readonly stage: string },
): ExpectedRelease | undefined {
  const apps = looked.flatMap(({ result }) => ("observed" in result ? servingApp(result.observed, place) : []));
  const digest = apps[0] && labelledDigest(apps[0]);
  if (!digest || !isDigest(digest) || apps.some((app) => labelledDigest(app) !== digest)) return undefined;
  return { name: apps[0]?.labels["envctl.release"] ?? "", digest, at: "", by: "" };
}

/** The registry may be out of reach: then the digests that engines keep of what they pulled must do. */
async function releaseOf(
  workspace: Workspace,
  stage: Stage,
  expected: ExpectedRelease,
  hostTimeout: number,
): Promise<Release> {
  try {
    const repository = await workspace.connections.repository(stage.repository);
    return await loadRelease(repository, expected.digest, within(workspace, hostTimeout));
  } catch {
    workspace.signal.throwIfAborted();
    return unknownBut(expected);
  }
}

function unknownBut(expected: ExpectedRelease): Release {
  const nothing = { configs: {}, manifests: {}, fingerprint: "", commit: undefined, dirty: false };
  return { ...expected, ...nothing, builtAt: "", size: 0 };
}

/** Who looks at the status need not have the secrets: then they are not compared. */
async function knownSecrets(workspace: Workspace, stage: Stage) {
  try {
    return await stageSecrets(workspace, stage);
  } catch {
    return undefined;
  }
}
