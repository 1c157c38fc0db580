import { randomBytes } from "node:crypto";
import type { Digest } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import type { Stage } from "../environment/model.ts";
import type { ApprovalStatement } from "../plan/gates/facts.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type Signer, signedBy } from "../signing/envelope.ts";
import type { PublicKey } from "../signing/public-key.ts";
import { type Attestation, Attestations } from "./attestations.ts";

const approvalType = "urn:envctl:approval:v1";

/** What is signed: that somebody lets a release into a stage, or no longer does. Version 1: fields are added, never renamed. */
interface Approval {
  readonly version: 1;
  readonly decision: ApprovalStatement["decision"];
  readonly environment: string;
  readonly stage: string;
  readonly release: { readonly name: string; readonly digest: Digest };
  readonly comment: string | undefined;
  /** `user@machine`. */
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
}

/** Adds somebody's word beside the image, under a tag that no other has: two people never take each other's away. */
export async function storeApproval(
  workspace: Workspace,
  approval: Omit<Approval, "version" | "environment">,
  signer: Signer,
): Promise<Attestation> {
  const { environment, connections, signal } = workspace;
  const predicate: Approval = { version: 1, environment: environment.name, ...approval };
  const { name, digest } = approval.release;
  const tag = `${prefixOf(environment.name, approval.stage, digest)}${randomBytes(8).toString("hex")}`;
  const repository = await connections.repository(environment.image);
  const subject = { name: `${environment.name}:${name}`, digest };
  return await new Attestations(repository).add(
    { tag, predicateType: approvalType, predicate, subject },
    signer,
    signal,
  );
}

/**
 * What the environment's keys have signed about this release and this stage, approvals and withdrawals. Whatever else stands
 * under such tags (of unknown keys, of other releases, altered) counts for nothing, and can hold nothing back either.
 */
export async function readApprovals(
  workspace: Workspace,
  stage: Stage,
  { digest }: Pick<Release, "digest">,
  keys: readonly PublicKey[],
): Promise<ApprovalStatement[]> {
  if (keys.length === 0) return [];
  const { environment, connections, signal } = workspace;
  const repository = await connections.repository(environment.image);
  const attestations = new Attestations(repository);
  const prefix = prefixOf(environment.name, stage.name, digest);
  const tags = (await repository.registry.tags(repository.path, signal)).filter((tag) => tag.startsWith(prefix));
  const found = await Promise.all(
    tags.map(async (tag) => {
      try {
        return await attestations.find(tag, signal);
      } catch (error) {
        if (error instanceof EnvctlError && error.code === "attestation-broken") return undefined;
        throw error;
      }
    }),
  );
  const place = { environment: environment.name, stage: stage.name, digest };
  return found.flatMap((attestation) => (attestation && statementIn(attestation, place, keys)) ?? []);
}

/** The tag is only where to look: what counts is what was signed, word for word. */
function statementIn(
  { digest: manifest, predicateType, predicate, subjects, envelope }: Attestation,
  { environment, stage, digest }: { readonly environment: string; readonly stage: string; readonly digest: Digest },
  keys: readonly PublicKey[],
): ApprovalStatement | undefined {
  const key = signedBy(envelope, keys);
  if (!key || predicateType !== approvalType || !subjects.includes(digest) || !isObject(predicate)) return undefined;
  const { version, decision, at, release } = predicate;
  const fits =
    version === 1 &&
    predicate.environment === environment &&
    predicate.stage === stage &&
    isObject(release) &&
    release.digest === digest;
  if (!fits || (decision !== "approved" && decision !== "withdrawn")) return undefined;
  if (typeof at !== "string" || Number.isNaN(Date.parse(at))) return undefined;
  return { digest: manifest, key: key.id, decision, at };
}

function prefixOf(environment: string, stage: string, digest: Digest): string {
  return `envctl-approval.${environment}.${stage}.${digest.slice("sha256:".length, "sha256:".length + 12)}.`;
}
