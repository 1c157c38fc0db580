import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { digestOf, isDigest } from "../base/digest.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { ManifestPack } from "../registry/manifest-pack.ts";
import type { Descriptor, StoredManifest } from "../registry/registry.ts";
import type { OpenRepository } from "../rollout/connections.ts";

/** Records of a page. */
export const pageSize = 100;

const pageType = "application/vnd.envctl.history.page.v1";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
/** Bytes. A page of ours has a twentieth of it. */
const largest = 8 * 1024 * 1024;
/** So few records are asked for one by one: a page is two requests. */
const few = 4;
const newline = 0x0a;

/**
 * The manifests of a hundred records that follow each other, in one artifact, a line each: who reads a long history for the
 * first time asks for a page where it would ask for each record. A copy and nothing more: what is in it is believed as far as
 * the chain of digests names it, and where a page is missing or wrong its records are asked for one by one.
 */
export class HistoryPages {
  readonly #repository: OpenRepository;
  readonly #tag: string;

  /** `tag` is that of the history. */
  constructor(repository: OpenRepository, tag: string) {
    this.#repository = repository;
    this.#tag = tag;
  }

  /** Keeps the page that ends with the record of this number; `manifests` are its records', the oldest first. */
  async write(last: number, manifests: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    if (manifests.length !== pageSize || manifests.some((manifest) => manifest.includes(newline))) return;
    const { registry, path } = this.#repository;
    const content = Buffer.concat(manifests.flatMap((manifest) => [manifest, Buffer.from([newline])]));
    const descriptor = { mediaType: pageType, digest: digestOf(content), size: content.length };
    await registry.uploadBlob(path, descriptor, async (offset) => Readable.from([content.subarray(offset)]), signal);
    await registry.putManifest(path, this.#tagOf(last), manifestOf(descriptor), signal);
  }

  /** Puts into the pack what pages have of the records with these numbers, unless it has them already. */
  async fill(pack: ManifestPack, { from, to }: { from: number; to: number }, signal?: AbortSignal): Promise<void> {
    const wanted: number[] = [];
    // A page is there once its last record is: behind these comes the head.
    for (let last = Math.ceil(from / pageSize) * pageSize; last <= to + 1; last += pageSize) {
      let missing = 0;
      for (let number = Math.max(from, last - pageSize + 1); number <= Math.min(to, last); number += 1)
        if (!pack.numbers.has(number)) missing += 1;
      if (missing > few) wanted.push(last);
    }
    await Promise.all(wanted.map((last) => this.#read(pack, last, signal)));
    signal?.throwIfAborted();
  }

  async #read(pack: ManifestPack, last: number, signal?: AbortSignal): Promise<void> {
    const content = await this.#content(last, signal).catch(() => undefined);
    let number = last - pageSize;
    for (let start = 0; content && start < content.length; ) {
      const end = content.indexOf(newline, start);
      if (end < 0) return;
      number += 1;
      const manifest = content.subarray(start, end);
      pack.keep(digestOf(manifest), number, manifest);
      start = end + 1;
    }
  }

  async #content(last: number, signal?: AbortSignal): Promise<Buffer | undefined> {
    const { registry, path } = this.#repository;
    const manifest = await registry.manifest(path, this.#tagOf(last), signal);
    const value = manifest && parseJson(Buffer.from(manifest.bytes).toString("utf8"));
    const config = isObject(value) && isObject(value.config) ? value.config : {};
    const { digest, size } = config;
    if (typeof digest !== "string" || !isDigest(digest) || typeof size !== "number" || size > largest) return undefined;
    return Buffer.from(await registry.readBlob(path, digest, signal));
  }

  #tagOf(last: number): string {
    return `${this.#tag}.page.${last / pageSize}`;
  }
}

function manifestOf(descriptor: Descriptor): StoredManifest {
  const body = { schemaVersion: 2, mediaType: manifestType, artifactType: pageType, config: descriptor };
  const bytes = Buffer.from(JSON.stringify({ ...body, layers: [descriptor] }));
  return { descriptor: { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
