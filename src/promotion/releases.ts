import { type Digest, isDigest, shortDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isTag } from "../base/reference.ts";
import { describeImage } from "../registry/image.ts";
import { releaseFromLabels } from "../release/identify.ts";
import type { Release } from "../release/release.ts";
import type { OpenRepository } from "../rollout/connections.ts";

/** The release with this digest, as its image describes itself. Throws `release-missing` (exit 1) if it is not there. */
export async function loadRelease(repository: OpenRepository, digest: Digest, signal?: AbortSignal): Promise<Release> {
  const release = await readRelease(repository, digest, signal);
  if (release) return release;
  throw new EnvctlError({
    code: "release-missing",
    exitCode: ExitCode.failed,
    what: `the repository does not have ${shortDigest(digest)}`,
    where: `${repository.registry.host}/${repository.path}`,
    state: "nothing was changed",
    next:
      repository.serveEmbedded === undefined
        ? "somebody deleted it from the registry: build it again with envctl up"
        : "it was built on another machine; name a registry that both reach in image.repository",
  });
}

/** By tag or digest; undefined where there is none, or where it is no image that envctl built. */
async function readRelease(
  repository: OpenRepository,
  reference: string,
  signal?: AbortSignal,
): Promise<Release | undefined> {
  const image = await describeImage(repository.registry, repository.path, reference, signal);
  return image && releaseFromLabels(image);
}

/** What a person typed: a release's name, a digest, or the first digits of one. Throws `unknown-release` (exit 2). */
export async function findRelease(repository: OpenRepository, typed: string, signal?: AbortSignal): Promise<Release> {
  const direct = isDigest(typed) || isTag(typed) ? await readRelease(repository, typed, signal) : undefined;
  if (direct && (isDigest(typed) || direct.name === typed)) return direct;
  const all = await listReleases(repository, signal);
  const hex = typed.replace(/^sha256:/, "");
  const matches = all.filter((release) => release.name === typed || release.digest.startsWith(`sha256:${hex}`));
  const [match, second] = matches;
  if (match && !second) return match;
  throw new EnvctlError({
    code: "unknown-release",
    exitCode: ExitCode.usage,
    what: second
      ? `"${typed}" could be ${matches.map((release) => release.name).join(" or ")}`
      : `there is no release "${typed}"`,
    where: `${repository.registry.host}/${repository.path}`,
    state: "nothing was changed",
    next: "envctl releases",
  });
}

/** All releases in the repository, newest first. */
export async function listReleases(repository: OpenRepository, signal?: AbortSignal): Promise<Release[]> {
  const tags = await repository.registry.tags(repository.path, signal);
  const built = tags.filter((tag) => tag.startsWith("fp-"));
  const releases = await Promise.all(built.map((tag) => readRelease(repository, tag, signal)));
  return releases
    .filter((release) => release !== undefined)
    .sort((left, right) => (left.builtAt < right.builtAt ? 1 : -1));
}
