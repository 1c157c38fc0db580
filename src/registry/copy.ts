import { formatBytes } from "../base/bytes.ts";
import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { dropBytes } from "./drop-bytes.ts";
import { wrongContent } from "./errors.ts";
import { readContent } from "./manifest-content.ts";
import type { Descriptor, Registry, StoredManifest } from "./registry.ts";

interface Location {
  readonly registry: Registry;
  readonly path: string;
}

export interface CopyRequest {
  readonly source: Location;
  readonly target: Location;
  readonly digest: Digest;
  /** Tags that point at it in the target afterwards. */
  readonly tags?: readonly string[];
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Blobs that are sent at once. */
const parallel = 4;

/**
 * Copies an image byte for byte, whatever it consists of: blobs are mounted where both repositories are in one registry,
 * and streamed where they are missing. Throws `digest-mismatch` (exit 6) unless the target has the very digest afterwards.
 */
export async function copyImage(request: CopyRequest): Promise<void> {
  const { source, target, digest, signal } = request;
  const manifest = await source.registry.manifest(source.path, digest, signal);
  if (!manifest) throw missing(source, digest);
  const tags = request.tags ?? [];
  const samePlace = source.registry.host === target.registry.host && source.path === target.path;
  const present = samePlace || (await target.registry.head(target.path, digest, signal)) !== undefined;
  if (!present) await copyTree(request, manifest, new Set());
  for (const tag of tags) await target.registry.putManifest(target.path, tag, manifest, signal);
  if (samePlace) return;
  const stored = await target.registry.head(target.path, digest, signal);
  if (stored?.digest !== digest)
    throw wrongContent(`${target.registry.host}/${target.path}`, digest, stored?.digest ?? "nothing");
}

/** Children first: a registry refuses a manifest that points at what it does not have. */
async function copyTree(request: CopyRequest, manifest: StoredManifest, done: Set<string>): Promise<void> {
  const { source, target, signal } = request;
  const content = readContent(manifest, `${source.registry.host}/${source.path}`);
  if (content.kind === "index") {
    for (const child of content.children) {
      const stored = await source.registry.manifest(source.path, child.digest, signal);
      if (!stored) throw missing(source, child.digest);
      await copyTree(request, stored, done);
    }
  } else {
    await copyBlobs(request, [...content.layers, content.config], done);
  }
  await target.registry.putManifest(target.path, manifest.descriptor.digest, manifest, signal);
}

async function copyBlobs(request: CopyRequest, blobs: readonly Descriptor[], done: Set<string>): Promise<void> {
  const queue = blobs.filter((blob) => !done.has(blob.digest) && done.add(blob.digest));
  const worker = async () => {
    for (let blob = queue.shift(); blob; blob = queue.shift()) await copyBlob(request, blob);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function copyBlob({ source, target, progress, signal }: CopyRequest, blob: Descriptor): Promise<void> {
  const oneRegistry = source.registry.host === target.registry.host;
  // A mount also succeeds for what is there already, in one request instead of two.
  if (oneRegistry && (await target.registry.mountBlob(target.path, blob.digest, source.path, signal))) return;
  if (await target.registry.hasBlob(target.path, blob.digest, signal)) return;
  progress?.update(`sending ${blob.digest.slice(7, 19)} (${formatBytes(blob.size)})`);
  const open = async (offset: number) => {
    const content = await source.registry.blob(source.path, blob.digest, signal);
    if (offset === 0) return content;

    return dropBytes(content, offset);
  };
  await target.registry.uploadBlob(target.path, blob, open, signal);
}

function missing(location: Location, digest: Digest): EnvctlError {
  return new EnvctlError({
    code: "image-missing",
    exitCode: ExitCode.failed,
    what: `the repository does not have ${digest}`,
    where: `${location.registry.host}/${location.path}`,
    state: "nothing was changed",
    next: "somebody deleted it from the registry, or it was built for another one",
  });
}
