import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import { blobExists, blobStream, wholeBlob } from "./blobs.ts";
import { parseJson } from "./json.ts";
import { getManifest, headManifest, removeManifest, storeManifest } from "./manifests.ts";
import { pages } from "./pages.ts";
import { hasSubject, listReferrers, recordReferrer } from "./referrers.ts";
import type { Descriptor, Registry, StoredManifest } from "./registry.ts";
import { Session, type SessionOptions } from "./session.ts";
import { mount, upload } from "./uploads.ts";

/** Opens a registry by its host; nothing is sent before the first call. */
export function openRegistry(host: string, options: SessionOptions): Registry {
  return new HttpRegistry(new Session(host, options));
}

class HttpRegistry implements Registry {
  readonly host: string;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.host = session.host;
  }

  async check(path: string, signal?: AbortSignal): Promise<void> {
    const target = `/v2/${path}/tags/list?n=1`;
    const response = await this.#session.call({
      method: "GET",
      target,
      path,
      access: "pull",
      expect: [200, 404],
      signal,
    });
    response.resume();
  }

  head(path: string, reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    return headManifest(this.#session, path, reference, signal);
  }

  manifest(path: string, reference: string, signal?: AbortSignal): Promise<StoredManifest | undefined> {
    return getManifest(this.#session, path, reference, signal);
  }

  async putManifest(path: string, reference: string, manifest: StoredManifest, signal?: AbortSignal): Promise<void> {
    const keepsReferrers = await storeManifest(this.#session, path, reference, manifest, signal);
    if (!keepsReferrers && hasSubject(manifest)) await recordReferrer(this.#session, path, manifest, signal);
  }

  deleteManifest(path: string, reference: string, signal?: AbortSignal): Promise<void> {
    return removeManifest(this.#session, path, reference, signal);
  }

  hasBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<boolean> {
    return blobExists(this.#session, path, digest, signal);
  }

  blob(path: string, digest: Digest, signal?: AbortSignal): Promise<Readable> {
    return blobStream(this.#session, path, digest, signal);
  }

  readBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    return wholeBlob(this.#session, path, digest, signal);
  }

  mountBlob(path: string, digest: Digest, from: string, signal?: AbortSignal): Promise<boolean> {
    return mount(this.#session, path, digest, from, signal);
  }

  uploadBlob(
    path: string,
    descriptor: Descriptor,
    open: (offset: number) => Promise<Readable>,
    signal?: AbortSignal,
  ): Promise<void> {
    return upload(this.#session, path, descriptor, open, signal);
  }

  async tags(path: string, signal?: AbortSignal): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const { response, body } of pages(this.#session, path, `/v2/${path}/tags/list`, [404], signal)) {
      if (response.statusCode === 404) break;
      const answer = parseJson(body, `${this.host}/${path}`);
      const page = isObject(answer) && Array.isArray(answer.tags) ? answer.tags : [];
      tags.push(...page.filter((tag) => typeof tag === "string"));
    }
    return tags;
  }

  referrers(path: string, digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]> {
    return listReferrers(this.#session, path, digest, signal);
  }

  close(): void {
    this.#session.close();
  }
}
