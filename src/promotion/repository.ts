import { copyImage } from "../registry/copy.ts";
import type { Release } from "../release/release.ts";
import type { OpenRepository, RepositoryName } from "../rollout/connections.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** Copies the release to another repository, byte for byte, unless it is there already. Returns that repository. */
export async function bringToRepository(
  workspace: Workspace,
  from: RepositoryName,
  to: RepositoryName,
  release: Release,
): Promise<OpenRepository> {
  const { connections, progress, signal } = workspace;
  const target = await connections.repository(to);
  await progress.step("bring it to the stage's repository", async (at) => {
    // What was read from there a moment ago need not be asked for.
    if (from.registry === to.registry && from.path === to.path) return at.note("already there");
    if (await target.registry.head(target.path, release.digest, signal)) return at.note("already there");
    const source = await connections.repository(from);
    await copyImage({ source, target, digest: release.digest, tags: [release.name], progress: at, signal });
  });
  return target;
}

/** Points a tag at the release, unless it does so already: for people, never used to run anything. */
export async function pointTag(
  repository: OpenRepository,
  tag: string,
  release: Release,
  signal: AbortSignal,
): Promise<void> {
  const tagged = await repository.registry.head(repository.path, tag, signal);
  if (tagged?.digest === release.digest) return;
  await copyImage({ source: repository, target: repository, digest: release.digest, tags: [tag], signal });
}
