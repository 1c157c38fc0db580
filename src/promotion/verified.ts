import type { Digest } from "../base/digest.ts";
import type { Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { Ledger } from "./ledger.ts";
import { isChange } from "./record.ts";

/** Since when (RFC 3339) a release is verified in a stage, or why it is not: for people. Read from the stage's history. */
export async function verifiedSince(
  workspace: Workspace,
  stage: Stage,
  digest: Digest,
): Promise<{ readonly at: string } | { readonly why: string }> {
  const repository = await workspace.connections.repository(stage.repository);
  const ledger = new Ledger(repository, workspace.environment.name, stage.name);
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, workspace.signal)) {
    const counts = record.outcome === "succeeded" && isChange(record) && record.dev === undefined;
    if (counts && record.release?.digest === digest) return { at: record.at };
  }
  return { why: "it has never run there, as its history tells" };
}
