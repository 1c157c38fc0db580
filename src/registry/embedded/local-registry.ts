import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Digest, digestOf, isDigest } from "../../base/digest.ts";
import { EnvctlError, messageOf } from "../../base/errors.ts";
import { refused, wrongContent } from "../errors.ts";
import { ExactLength } from "../exact-length.ts";
import type { Descriptor, Registry, StoredManifest } from "../registry.ts";
import { isRepository, keepUploaded, keepWhole, mountBlob, ownedSize } from "./blobs.ts";
import { dropManifest, findManifest, type KeptManifest, keepManifest, referrersOf, tagsOf } from "./manifests.ts";
import { Refusal } from "./refusal.ts";
import { Store } from "./store.ts";

/** Up to this size a blob is written in one go. Bytes. */
const small = 1024 * 1024;

/**
 * The embedded registry for the process that it runs in: what others get by HTTP, straight from the folder. Refuses what it
 * refuses others, and proves digests as for any registry.
 */
export class LocalRegistry implements Registry {
  /** Its folder. */
  readonly host: string;
  readonly #store: Store;

  constructor(directory: string) {
    this.host = directory;
    this.#store = new Store(directory);
  }

  async check(path: string, signal?: AbortSignal): Promise<void> {
    await this.#answer(path, signal, async () => {});
  }

  async head(path: string, reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const found = await this.#find(path, reference, signal);
    if (!found) return undefined;
    // A tag is asked where it points: it can be led away from content that was damaged.
    if (isDigest(reference)) this.#prove(path, found.digest, digestOf(found.content));
    return descriptorOf(found);
  }

  async manifest(path: string, reference: string, signal?: AbortSignal): Promise<StoredManifest | undefined> {
    const found = await this.#find(path, reference, signal);
    if (!found) return undefined;
    this.#prove(path, found.digest, digestOf(found.content));
    return { descriptor: descriptorOf(found), bytes: found.content };
  }

  async putManifest(path: string, reference: string, manifest: StoredManifest, signal?: AbortSignal): Promise<void> {
    const { descriptor, bytes } = manifest;
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#prove(path, descriptor.digest, digestOf(content));
    const kept = { content, type: descriptor.mediaType };
    await this.#answer(path, signal, () => keepManifest(this.#store, path, reference, kept));
  }

  async deleteManifest(path: string, reference: string, signal?: AbortSignal): Promise<void> {
    await this.#answer(path, signal, () => orNothing(dropManifest(this.#store, path, reference)));
  }

  /** Who asks may be about to push a manifest that needs it: it is not collected for a while. */
  async hasBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<boolean> {
    return await this.#answer(path, signal, async () => {
      const owned = await orNothing(ownedSize(this.#store, path, digest));
      return owned !== undefined && (await this.#store.keepBlob(digest));
    });
  }

  async blob(path: string, digest: Digest, signal?: AbortSignal): Promise<Readable> {
    await this.#answer(path, signal, () => ownedSize(this.#store, path, digest));
    return Readable.from(this.#provenContent(path, digest, signal), { objectMode: false });
  }

  async readBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    const content = await this.#answer(path, signal, async () => {
      await ownedSize(this.#store, path, digest);
      return await this.#store.blobContent(digest);
    });
    this.#prove(path, digest, digestOf(content));
    return content;
  }

  async mountBlob(path: string, digest: Digest, from: string, signal?: AbortSignal): Promise<boolean> {
    return await this.#answer(path, signal, () => mountBlob(this.#store, path, digest, from));
  }

  async uploadBlob(
    path: string,
    { digest, size }: Descriptor,
    open: (offset: number) => Promise<Readable>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#answer(path, signal, async () => {
      const exact = new ExactLength(size, digest);
      const content = await open(0);
      if (size <= small) {
        const chunks: Buffer[] = [];
        await pipeline(content, exact, async (all) => {
          for await (const chunk of all) chunks.push(chunk as Buffer);
        });
        return await keepWhole(this.#store, path, digest, Buffer.concat(chunks));
      }
      const id = await this.#store.beginUpload(path);
      try {
        await pipeline(content, exact, this.#store.appendUpload(path, id), signal ? { signal } : {});
      } catch (error) {
        await this.#store.cancelUpload(path, id);
        throw error;
      }
      await keepUploaded(this.#store, path, id, digest);
    });
  }

  async tags(path: string, signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#answer(path, signal, () => orNothing(tagsOf(this.#store, path)))) ?? [];
  }

  async referrers(path: string, digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]> {
    return await this.#answer(path, signal, () => referrersOf(this.#store, path, digest));
  }

  close(): void {}

  /** Does it unless the name would lead out of the folder; what is refused, is so in the words that others read. */
  async #answer<Result>(path: string, signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    try {
      if (!isRepository(path)) throw new Refusal(400, "NAME_INVALID", "this is no valid name of a repository");
      return await work();
    } catch (error) {
      throw this.#inWords(error, path, signal);
    }
  }

  /** What the disk does not do is the registry's failure, as it is for others. */
  #inWords(error: unknown, path: string, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted || error instanceof EnvctlError) return error;
    const { status, code } = error instanceof Refusal ? error : { status: 500, code: "UNKNOWN" };
    return refused({ host: this.host, path, status, said: `${code} ${messageOf(error)}` });
  }

  #find(path: string, reference: string, signal: AbortSignal | undefined): Promise<KeptManifest | undefined> {
    return this.#answer(path, signal, () => orNothing(findManifest(this.#store, path, reference)));
  }

  #prove(path: string, wanted: Digest, found: Digest): void {
    if (found !== wanted) throw wrongContent(`${this.host}/${path}`, wanted, found);
  }

  async *#provenContent(path: string, digest: Digest, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const hash = createHash("sha256");
    try {
      for await (const chunk of this.#store.readBlob(digest)) {
        signal?.throwIfAborted();
        hash.update(chunk as Buffer);
        yield chunk as Buffer;
      }
    } catch (error) {
      throw this.#inWords(error, path, signal);
    }
    this.#prove(path, digest, `sha256:${hash.digest("hex")}`);
  }
}

async function orNothing<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return undefined;
    throw error;
  }
}

function descriptorOf({ digest, mediaType, content }: KeptManifest): Descriptor {
  return { mediaType, digest, size: content.length };
}
