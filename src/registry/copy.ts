import { formatBytes } from "../base/bytes.ts";
import { type Digest, shortDigest } from "../base/digest.ts";
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
  const samePlace = source.registry.host === target.registry.host && source.path === target.path;
  const [manifest, present] = await Promise.all([
    source.registry.manifest(source.path, digest, signal),
    samePlace || target.registry.head(target.path, digest, signal),
  ]);
  if (!manifest) throw missing(source, digest);
  if (!present) await new Copy(request).manifest(manifest);
  for (const tag of request.tags ?? []) await target.registry.putManifest(target.path, tag, manifest, signal);
  if (samePlace) return;
  const stored = await target.registry.head(target.path, digest, signal);
  if (stored?.digest !== digest)
    throw wrongContent(`${target.registry.host}/${target.path}`, digest, stored?.digest ?? "nothing");
}

/** One copy in progress: what an image names more than once is copied once. */
class Copy {
  readonly #request: CopyRequest;
  readonly #done = new Set<Digest>();

  constructor(request: CopyRequest) {
    this.#request = request;
  }

  /** Children first: a registry refuses a manifest that points at what it does not have. */
  async manifest(manifest: StoredManifest): Promise<void> {
    const { source, target, signal } = this.#request;
    const content = readContent(manifest, `${source.registry.host}/${source.path}`);
    if (content.kind === "image") {
      await this.#blobs([...content.layers, content.config].filter((blob) => !isElsewhere(blob)));
    } else {
      for (const child of this.#fresh(content.children)) {
        const stored = await source.registry.manifest(source.path, child.digest, signal);
        if (!stored) throw missing(source, child.digest);
        await this.manifest(stored);
      }
    }
    await target.registry.putManifest(target.path, manifest.descriptor.digest, manifest, signal);
  }

  async #blobs(blobs: readonly Descriptor[]): Promise<void> {
    const queue = this.#fresh(blobs);
    const worker = async () => {
      for (let blob = queue.shift(); blob; blob = queue.shift()) await this.#blob(blob);
    };
    const workers = Array.from({ length: parallel }, () =>
      worker().catch((error: unknown) => {
        // The others end after what they are at: nothing goes on behind the back of who reads the error.
        queue.length = 0;
        throw error;
      }),
    );
    for (const result of await Promise.allSettled(workers)) if (result.status === "rejected") throw result.reason;
  }

  async #blob(blob: Descriptor): Promise<void> {
    const { source, target, progress, signal } = this.#request;
    const oneRegistry = source.registry.host === target.registry.host;
    // A mount also succeeds for what is there already, in one request instead of two.
    if (oneRegistry && (await target.registry.mountBlob(target.path, blob.digest, source.path, signal))) return;
    if (await target.registry.hasBlob(target.path, blob.digest, signal)) return;
    progress?.update(`sending ${shortDigest(blob.digest)} (${formatBytes(blob.size)})`);
    const open = async (offset: number) => {
      const content = await source.registry.blob(source.path, blob.digest, signal);
      return offset === 0 ? content : dropBytes(content, offset);
    };
    await target.registry.uploadBlob(target.path, blob, open, signal);
  }

  #fresh(descriptors: readonly Descriptor[]): Descriptor[] {
    return descriptors.filter(({ digest }) => !this.#done.has(digest) && this.#done.add(digest));
  }
}

/** Layers that may not be passed on are in no registry: they stay where their `urls` say (image-spec, layer.md). */
function isElsewhere({ mediaType }: Descriptor): boolean {
  return /\.(?:foreign|nondistributable)\./.test(mediaType);
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
