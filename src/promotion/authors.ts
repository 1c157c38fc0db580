import type { Commit, UnknownCommit } from "../build/commit-facts.ts";
import type { ApprovalFacts } from "../plan/gates/facts.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { signedBy } from "../signing/envelope.ts";
import type { PublicKey } from "../signing/public-key.ts";
import { Ledger } from "./ledger.ts";

type Authors = Pick<ApprovalFacts, "authors" | "authorUnknown">;

/** The keys of those who made a release: who built it, who first brought it up, and whose commit it is. */
export async function findAuthors(
  workspace: Workspace,
  release: Release,
  keys: readonly PublicKey[],
  known: { readonly builder: PublicKey | undefined; readonly commit: Commit | UnknownCommit },
): Promise<Authors> {
  const { builder, commit } = known;
  const first = await firstToRun(workspace, release, keys);
  const authors = [
    ...(builder ? [{ key: builder.id, why: "they built it" }] : []),
    ...first.map(({ id }) => ({ key: id, why: "they brought it up first" })),
    ...("unknown" in commit
      ? []
      : keys.filter((key) => isOf(key, commit)).map(({ id }) => ({ key: id, why: "it is their commit" }))),
  ];
  // A release without a commit has no author but those who built it.
  const unknown = release.commit !== undefined && "unknown" in commit ? commit.unknown : undefined;
  return { authors, authorUnknown: unknown };
}

/** By what the key is called, or what its line says: an e-mail address or a name, in full. */
function isOf({ name, comment }: PublicKey, { author }: Commit): boolean {
  const own = [name, comment].filter((text) => text !== "").map((text) => text.toLowerCase());
  return [author.name, author.email].some((text) => own.includes(text.toLowerCase()));
}

/** Who signed the oldest `up` of it in each first stage. */
async function firstToRun(
  { environment, connections, signal }: Workspace,
  release: Release,
  keys: readonly PublicKey[],
): Promise<PublicKey[]> {
  const stages = environment.stages.filter(({ after }) => after.length === 0);
  const found = await Promise.all(
    stages.map(async (stage) => {
      const ledger = new Ledger(await connections.repository(stage.repository), environment.name, stage.name);
      let oldest: PublicKey | undefined;
      for await (const { record, envelope } of ledger.entries(Number.POSITIVE_INFINITY, signal)) {
        if (record.kind === "up" && record.release?.digest === release.digest) oldest = signedBy(envelope, keys);
      }
      return oldest;
    }),
  );
  return found.filter((key) => key !== undefined);
}
