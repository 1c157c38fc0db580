import { pipeline } from "node:stream/promises";
import { type Digest, isDigest } from "../../base/digest.ts";
import { keepUploaded, mountBlob, ownedSize, unknownBlob } from "./blobs.ts";
import { answer, type Exchange } from "./exchange.ts";
import { Refusal } from "./refusal.ts";
import type { Store } from "./store.ts";

export async function getBlob(store: Store, exchange: Exchange, repository: string, digest: Digest): Promise<void> {
  const size = await ownedSize(store, repository, digest);
  const headers = {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
  };
  if (exchange.request.method === "HEAD") {
    // Who asks whether it is there may be about to push a manifest that needs it.
    if (!(await store.keepBlob(digest))) throw unknownBlob();
    return answer(exchange, 200, { ...headers, "Content-Length": size });
  }
  const range = readRange(exchange.request.headers.range, size);
  const extra = range ? { "Content-Range": `bytes ${range.start}-${range.end}/${size}` } : {};
  exchange.response.writeHead(range ? 206 : 200, {
    ...headers,
    ...extra,
    "Content-Length": range ? range.end - range.start + 1 : size,
  });
  await pipeline(store.readBlob(digest, range), exchange.response);
}

export async function deleteBlob(store: Store, exchange: Exchange, repository: string, digest: Digest): Promise<void> {
  await ownedSize(store, repository, digest);
  await store.removeLink(repository, "blob", digest);
  answer(exchange, 202);
}

/** distribution-spec §Pushing blobs: an upload, a blob in one piece, or a mount. */
export async function postUpload(store: Store, exchange: Exchange, repository: string): Promise<void> {
  const { query } = exchange;
  const mount = query.get("mount");
  if (mount !== null && isDigest(mount) && (await mountBlob(store, repository, mount, query.get("from"))))
    return answer(exchange, 201, located(repository, mount));
  const id = await store.beginUpload(repository);
  const digest = query.get("digest");
  if (digest !== null) return await putUpload(store, exchange, repository, id);
  answer(exchange, 202, uploadHeaders(repository, id, 0));
}

export async function patchUpload(store: Store, exchange: Exchange, repository: string, id: string): Promise<void> {
  const size = await store.alone(id, () => append(store, exchange, repository, id));
  answer(exchange, 202, uploadHeaders(repository, id, size));
}

export async function getUpload(store: Store, exchange: Exchange, repository: string, id: string): Promise<void> {
  const size = await knownUpload(store, repository, id);
  answer(exchange, 204, uploadHeaders(repository, id, size));
}

export async function putUpload(store: Store, exchange: Exchange, repository: string, id: string): Promise<void> {
  const digest = exchange.query.get("digest") ?? "";
  await knownUpload(store, repository, id);
  if (!isDigest(digest)) throw new Refusal(400, "DIGEST_INVALID", "a sha256 digest is wanted");
  await store.alone(id, async () => {
    await append(store, exchange, repository, id);
    await keepUploaded(store, repository, id, digest);
  });
  answer(exchange, 201, located(repository, digest));
}

export async function deleteUpload(store: Store, exchange: Exchange, repository: string, id: string): Promise<void> {
  await knownUpload(store, repository, id);
  await store.cancelUpload(repository, id);
  answer(exchange, 204);
}

async function knownUpload(store: Store, repository: string, id: string): Promise<number> {
  const size = await store.uploadSize(repository, id);
  if (size === undefined) throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload");
  return size;
}

/** Adds the request's body to the upload; a chunk that does not join what is there is refused (416). */
async function append(store: Store, exchange: Exchange, repository: string, id: string): Promise<number> {
  const size = await knownUpload(store, repository, id);
  const range = exchange.request.headers["content-range"];
  const start = typeof range === "string" ? /^(?:bytes[ =])?(\d+)-\d+/.exec(range)?.[1] : undefined;
  if (range !== undefined && Number(start) !== size) {
    throw new Refusal(416, "BLOB_UPLOAD_INVALID", `the next byte is ${size}`, {
      ...uploadHeaders(repository, id, size),
    });
  }
  await pipeline(exchange.request, store.appendUpload(repository, id));
  return await knownUpload(store, repository, id);
}

/** Always from the root, never with a host: through a tunnel the registry has another port than it knows of. */
function located(repository: string, digest: Digest): Record<string, string> {
  return { Location: `/v2/${repository}/blobs/${digest}`, "Docker-Content-Digest": digest };
}

function uploadHeaders(repository: string, id: string, size: number): Record<string, string> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, size - 1)}`,
    "Docker-Upload-UUID": id,
    "OCI-Chunk-Min-Length": "0",
  };
}

function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(size - 1, Number(match[2]));
  if (start > end)
    throw new Refusal(416, "BLOB_UNKNOWN", "this range is outside of the blob", { "Content-Range": `bytes */${size}` });
  return { start, end };
}
