import { type Digest, shortDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { type ImageReference, pinned } from "../base/reference.ts";
import type { Engine, ObservedImage, RegistryCredentials } from "../engine/engine.ts";
import { imageArchive } from "../registry/archive.ts";
import { credentialsFor } from "../registry/credentials.ts";
import { ImageLabel, type Release } from "../release/release.ts";
import type { OpenRepository } from "./connections.ts";

/** A reference by which the engine already has this release, or undefined. Costs one request. */
export async function findRelease(engine: Engine, release: Release, signal?: AbortSignal): Promise<string | undefined> {
  const images = await engine.images({ [ImageLabel.fingerprint]: release.fingerprint }, signal);
  for (const image of images) {
    const reference = referenceFor(image, release);
    if (reference !== undefined) return reference;
  }
  return undefined;
}

/** An image that was pulled is known by its digest; one that was streamed in only by its id. */
function referenceFor(image: ObservedImage, release: Release): string | undefined {
  const pulled = image.repoDigests.find((reference) => reference.endsWith(`@${release.digest}`));
  if (pulled !== undefined) return pulled;
  const ids: readonly Digest[] = [
    release.digest,
    ...Object.values(release.configs),
    ...Object.values(release.manifests),
  ];
  return ids.includes(image.id) ? image.id : undefined;
}

/**
 * Brings the release to a host and proves that the engine has that very image.
 * Returns the reference to create containers with. Throws `digest-mismatch` (exit 6) if the engine has another.
 */
export async function bringRelease(
  engine: Engine,
  repository: OpenRepository,
  release: Release,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  const present = await findRelease(engine, release, signal);
  if (present !== undefined) {
    progress.note("already there");
    return present;
  }
  const registry = await registryFor(engine, repository, signal);
  if (registry === undefined) return await streamRelease(engine, repository, release, progress, signal);
  const reference = pinned({ registry, path: repository.path }, release.digest);
  if (repository.serveEmbedded === undefined) {
    await engine.pullImage(reference, await hostCredentials(registry), progress, signal);
  } else await pullThroughTunnel(engine, reference, progress, signal);
  const image = await engine.image(reference, signal);
  if (!image || referenceFor(image, release) === undefined) throw mismatch(engine, release, image);
  return reference;
}

/** The registry's name as the host sees it; undefined where it has no way to reach the embedded one. */
async function registryFor(
  engine: Engine,
  repository: OpenRepository,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (repository.serveEmbedded === undefined) return repository.registry.host;
  const port = await engine.forwardToLoopback(await repository.serveEmbedded(), signal);
  return port === undefined ? undefined : `127.0.0.1:${port}`;
}

/** How often an engine is asked for one image at most. */
const pulls = 3;

/**
 * Pulls from the embedded registry. An engine that was cut off from us goes on with the pull that was begun then, and a
 * pull of the same layers joins it, only to fail with it: the tunnel it came through is gone. The next one is fresh.
 */
async function pullThroughTunnel(
  engine: Engine,
  reference: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  for (let left = pulls - 1; ; left -= 1) {
    try {
      return await engine.pullImage(reference, undefined, progress, signal);
    } catch (error) {
      if (left === 0 || !lostRegistry(error)) throw error;
      progress.update("once more: the engine was still busy with a pull whose connection is gone");
    }
  }
}

function lostRegistry(error: unknown): boolean {
  if (!(error instanceof EnvctlError)) return false;
  const broken = error.code === "engine-refused" && /\bEOF\b|reset by peer|broken pipe/i.test(error.message);
  return error.code === "registry-unreachable" || broken;
}

async function hostCredentials(registry: string): Promise<RegistryCredentials | undefined> {
  const found = await credentialsFor(registry, process.env);
  return found ? { username: found.username, password: found.password, registry } : undefined;
}

async function streamRelease(
  engine: Engine,
  repository: OpenRepository,
  release: Release,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  const { platform } = await engine.describe(signal);
  const config = release.configs[platform] ?? Object.values(release.configs)[0];
  if (config === undefined) throw mismatch(engine, release, undefined);
  progress.warn(
    `${engine.name} cannot reach the embedded registry, so the whole image travels through its engine's API; ` +
      "with a registry in image.repository only missing layers would",
  );
  const archive = await imageArchive(repository.registry, repository.path, release.digest, platform, signal);
  await engine.loadImage(archive, progress, signal);
  for (const id of [config, release.digest, ...Object.values(release.manifests)]) {
    const image = await engine.image(id, signal);
    const reference = image && referenceFor(image, release);
    if (reference !== undefined) return reference;
  }
  throw mismatch(engine, release, undefined);
}

function mismatch(engine: Engine, release: Release, image: ObservedImage | undefined): EnvctlError {
  return new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `the engine does not have the image that was asked for: wanted ${release.digest}, found ${image?.id ?? "none"}`,
    where: engine.name,
    state: "no container was created from it; what ran before still runs",
    next: `docker image inspect ${shortDigest(release.digest)} on that host, then try again`,
  });
}

/** Pulls a service's image by its pinned digest. */
export async function bringService(
  engine: Engine,
  image: ImageReference,
  digest: Digest,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  const reference = pinned(image, digest);
  if (await engine.image(reference, signal)) {
    progress.note("already there");
    return reference;
  }
  await engine.pullImage(reference, await hostCredentials(image.registry), progress, signal);
  return reference;
}
