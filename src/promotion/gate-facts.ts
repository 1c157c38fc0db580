import { zoneHere } from "../base/zoned-time.ts";
import { type Commit, readCommit, type UnknownCommit } from "../build/commit-facts.ts";
import type { Stage } from "../environment/model.ts";
import type { ApprovalFacts, GateFacts, ImageFacts, ProvenanceFacts, VerifiedStage } from "../plan/gates/facts.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type PublicKey, readPublicKeys } from "../signing/public-key.ts";
import { readApprovals } from "./approvals.ts";
import { findAuthors } from "./authors.ts";
import { readProvenance } from "./build-provenance.ts";
import { readImageFacts } from "./image-facts.ts";
import { type FoundRelease, stagesBefore } from "./source.ts";
import { verifiedSince } from "./verified.ts";

const notAsked = "nobody asked";

/** Gathers what a stage's gates are judged by; what it has no gate for is not asked for. */
export async function gatherFacts(
  workspace: Workspace,
  stage: Stage,
  { release, from, seen }: FoundRelease,
): Promise<GateFacts> {
  const { gates } = stage;
  const keys = await readPublicKeys(workspace.environment.directory);
  const notAuthor = gates.approvals?.notAuthor === true;
  const needsProvenance = gates.provenance || gates.image.noLatestBase || gates.maxAge !== undefined || notAuthor;
  const [verified, commit, provenance, image, statements] = await Promise.all([
    readVerified(workspace, stage, release, seen),
    readCommitOf(workspace, stage, release),
    needsProvenance ? readProvenance(workspace, release, keys) : { facts: { unknown: notAsked }, signer: undefined },
    asksOfImage(stage) ? readImageFacts(workspace, stage, release, from) : noImage,
    gates.approvals ? readApprovals(workspace, stage, release, keys) : [],
  ]);
  const authors = notAuthor
    ? await findAuthors(workspace, release, keys, { builder: provenance.signer, commit })
    : { authors: [], authorUnknown: undefined };
  return {
    stage: stage.name,
    release,
    seen,
    zone: zoneHere,
    verified,
    approvals: { ...authors, statements, keys: namesOf(keys) },
    commit,
    image,
    provenance: provenance.facts satisfies ProvenanceFacts,
  };
}

/** The same, with what may have changed since: a wait for the stage's lock may take hours. */
export async function gatherAgain(workspace: Workspace, stage: Stage, facts: GateFacts): Promise<GateFacts> {
  const keys = await readPublicKeys(workspace.environment.directory);
  const [verified, statements] = await Promise.all([
    readVerified(workspace, stage, facts.release, facts.seen),
    stage.gates.approvals ? readApprovals(workspace, stage, facts.release, keys) : [],
  ]);
  return { ...facts, verified, approvals: { ...facts.approvals, statements, keys: namesOf(keys) } };
}

/** Of the approvals alone: for whoever approves. */
export async function gatherApprovals(workspace: Workspace, stage: Stage, release: Release): Promise<ApprovalFacts> {
  const keys = await readPublicKeys(workspace.environment.directory);
  const statements = await readApprovals(workspace, stage, release, keys);
  const own = { statements, keys: namesOf(keys) };
  if (stage.gates.approvals?.notAuthor !== true) return { ...own, authors: [], authorUnknown: undefined };
  const [commit, { signer }] = await Promise.all([
    readCommitOf(workspace, stage, release),
    readProvenance(workspace, release, keys),
  ]);
  return { ...own, ...(await findAuthors(workspace, release, keys, { builder: signer, commit })) };
}

async function readVerified(
  workspace: Workspace,
  stage: Stage,
  release: Release,
  seen: boolean,
): Promise<VerifiedStage[]> {
  return await Promise.all(
    stagesBefore(workspace.environment, stage).map(async (before): Promise<VerifiedStage> => {
      const found = await verifiedSince(workspace, before, release.digest, seen);
      return { stage: before.name, first: before.after.length === 0, ...found };
    }),
  );
}

async function readCommitOf(
  { environment, variables, signal }: Workspace,
  { gates }: Stage,
  { commit }: Release,
): Promise<Commit | UnknownCommit> {
  const { git } = gates;
  if (!git.signed && git.branches.length === 0 && gates.approvals?.notAuthor !== true) return { unknown: notAsked };
  if (commit === undefined) return { unknown: "it was built of no commit: git was not there, or had none" };
  return await readCommit(environment.directory, commit, { signature: git.signed }, { variables, signal });
}

const noImage: ImageFacts = { platforms: [], programs: [], reports: [], unreadable: [] };

function asksOfImage({ gates: { image } }: Stage): boolean {
  return (
    image.nonRoot || image.maxSize !== undefined || image.vulnerabilities !== undefined || image.sbom !== undefined
  );
}

function namesOf(keys: readonly PublicKey[]): ApprovalFacts["keys"] {
  return keys.map(({ id, name }) => ({ id, name }));
}
