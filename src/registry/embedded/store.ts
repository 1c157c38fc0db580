import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, isDigest } from "../../base/digest.ts";

/**
 * Content on disk: `blobs/sha256/ab/<hex>` for everything, and under `repositories/<path>` an empty file for each manifest,
 * blob and tag the repository has. Whatever is written is written beside and then renamed, so that a process that is killed,
 * or another one on the same folder, never leaves or sees half a file.
 */
export class Store {
  readonly directory: string;
  readonly #uploads = new Map<string, Promise<unknown>>();

  constructor(directory: string) {
    this.directory = directory;
  }

  blobPath(digest: Digest): string {
    const hex = digest.slice("sha256:".length);
    return join(this.directory, "blobs", "sha256", hex.slice(0, 2), hex);
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    return await sizeOf(this.blobPath(digest));
  }

  /** Makes the blob young again, so that it is not collected while a push counts on it; false where there is none. */
  async keepBlob(digest: Digest): Promise<boolean> {
    try {
      await touch(this.blobPath(digest));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  readBlob(digest: Digest, range?: { readonly start: number; readonly end: number }): ReadStream {
    return createReadStream(this.blobPath(digest), range);
  }

  async blobContent(digest: Digest): Promise<Buffer> {
    return await readFile(this.blobPath(digest));
  }

  async putBlob(digest: Digest, content: Buffer): Promise<void> {
    const path = this.blobPath(digest);
    if ((await sizeOf(path)) === content.length) {
      await touch(path);
      return;
    }
    await writeWhole(path, content);
  }

  /** Moves a finished upload to where its digest says it belongs. */
  async keepUpload(repository: string, id: string, digest: Digest): Promise<void> {
    const path = this.blobPath(digest);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(this.uploadPath(repository, id), "r");
    try {
      // Before it has its name: a name that is there after a power cut must have its content.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(this.uploadPath(repository, id), path);
    await syncFolder(dirname(path));
  }

  async hasLink(repository: string, kind: LinkKind, name: string): Promise<boolean> {
    return (await sizeOf(this.linkPath(repository, kind, name))) !== undefined;
  }

  /** The link's content: for a tag, the digest it points at; for a manifest, its media type. */
  async readLink(repository: string, kind: LinkKind, name: string): Promise<string | undefined> {
    try {
      return (await readFile(this.linkPath(repository, kind, name), "utf8")).trim();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async putLink(repository: string, kind: LinkKind, name: string, content = ""): Promise<void> {
    if ((await this.readLink(repository, kind, name)) === content) return;
    await writeWhole(this.linkPath(repository, kind, name), Buffer.from(content));
  }

  async removeLink(repository: string, kind: LinkKind, name: string): Promise<boolean> {
    try {
      await rm(this.linkPath(repository, kind, name));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async links(repository: string, kind: LinkKind): Promise<string[]> {
    const names = await listFolder(this.linkFolder(repository, kind));
    return names.filter((name) => !isUnfinished(name)).sort();
  }

  async repositoryExists(repository: string): Promise<boolean> {
    return (await listFolder(join(this.directory, "repositories", repository))).some((name) => name.startsWith("_"));
  }

  uploadPath(repository: string, id: string): string {
    return join(this.directory, "repositories", repository, "_uploads", id);
  }

  async beginUpload(repository: string): Promise<string> {
    const id = randomUUID();
    const path = this.uploadPath(repository, id);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    return id;
  }

  /** One after the other on one upload: a request whose client went away may still be writing when the next one comes. */
  async alone<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    const mine = (this.#uploads.get(id) ?? Promise.resolve()).then(work, work);
    this.#uploads.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#uploads.get(id) === mine) this.#uploads.delete(id);
    }
  }

  async uploadSize(repository: string, id: string): Promise<number | undefined> {
    return await sizeOf(this.uploadPath(repository, id));
  }

  appendUpload(repository: string, id: string): WriteStream {
    return createWriteStream(this.uploadPath(repository, id), { flags: "a" });
  }

  readUpload(repository: string, id: string): ReadStream {
    return createReadStream(this.uploadPath(repository, id));
  }

  async cancelUpload(repository: string, id: string): Promise<void> {
    await rm(this.uploadPath(repository, id), { force: true });
  }

  linkPath(repository: string, kind: LinkKind, name: string): string {
    const file = isDigest(name) ? name.slice("sha256:".length) : name;
    return join(this.linkFolder(repository, kind), file);
  }

  linkFolder(repository: string, kind: LinkKind): string {
    return join(this.directory, "repositories", repository, folders[kind]);
  }
}

/** What a repository has: names beginning with an underscore cannot be parts of a repository's name. */
export type LinkKind = "blob" | "manifest" | "tag";
const folders: Readonly<Record<LinkKind, string>> = { blob: "_blobs", manifest: "_manifests", tag: "_tags" };
export const linkKinds: readonly LinkKind[] = ["blob", "manifest", "tag"];

/** A file that is being written, or that a killed process left: neither tags nor digests begin with a dot. */
export function isUnfinished(name: string): boolean {
  return name.startsWith(".");
}

async function writeWhole(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = join(dirname(path), `.${randomUUID()}`);
  const file = await open(fresh, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

/** Without it a power cut may take back a file's name, though not its content. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Its age keeps it from being collected while a push is under way. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
