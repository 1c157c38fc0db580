import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import type { Descriptor } from "./registry.ts";
import type { Session } from "./session.ts";

type Open = (offset: number) => Promise<Readable>;

/** Up to this size a blob is sent in one piece. Bytes. */
const monolithic = 8 * 1024 * 1024;
const attempts = 5;

/** distribution-spec §Mounting a blob from another repository. */
export async function mount(
  session: Session,
  path: string,
  digest: Digest,
  from: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const response = await session.call({
    method: "POST",
    target: `/v2/${path}/blobs/uploads/?${query}`,
    path,
    access: "pull,push",
    from,
    expect: [201, 202],
    body: () => Buffer.alloc(0),
    signal,
  });
  response.resume();
  if (response.statusCode === 201) return true;
  // An upload was begun instead; it is not wanted.
  const location = locationOf(response, session, path);
  await session
    .call({ method: "DELETE", target: location, path, access: "pull,push", expect: [200, 202, 204, 404, 405], signal })
    .then((answer) => answer.resume());
  return false;
}

/** distribution-spec §Pushing blobs: in one piece, or as a stream that goes on where a broken connection left it. */
export async function upload(
  session: Session,
  path: string,
  descriptor: Descriptor,
  open: Open,
  signal?: AbortSignal,
): Promise<void> {
  if (descriptor.size <= monolithic) return await uploadWhole(session, path, descriptor, open, signal);
  let location = await begin(session, path, signal);
  let offset = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await session.call({
        method: "PATCH",
        target: location,
        path,
        access: "pull,push",
        headers: {
          "Content-Type": "application/octet-stream",
          "Content-Length": String(descriptor.size - offset),
          "Content-Range": `${offset}-${descriptor.size - 1}`,
        },
        body: () => open(offset),
        expect: [202, 204],
        retry: false,
        signal,
      });
      response.resume();
      return await finish(session, path, descriptor.digest, locationOf(response, session, path), signal);
    } catch (error) {
      signal?.throwIfAborted();
      const refusedForGood = error instanceof EnvctlError && error.code === "registry-unauthorized";
      if (attempt >= attempts || refusedForGood) throw error;
      ({ location, offset } = await resume(session, path, location, signal));
    }
  }
}

async function uploadWhole(
  session: Session,
  path: string,
  descriptor: Descriptor,
  open: Open,
  signal?: AbortSignal,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of await open(0)) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const location = await begin(session, path, signal);
  await finish(session, path, descriptor.digest, location, signal, bytes);
}

async function begin(session: Session, path: string, signal?: AbortSignal): Promise<string> {
  const response = await session.call({
    method: "POST",
    target: `/v2/${path}/blobs/uploads/`,
    path,
    access: "pull,push",
    body: () => Buffer.alloc(0),
    expect: [202],
    signal,
  });
  response.resume();
  return locationOf(response, session, path);
}

async function finish(
  session: Session,
  path: string,
  digest: Digest,
  location: string,
  signal?: AbortSignal,
  bytes: Buffer = Buffer.alloc(0),
): Promise<void> {
  const url = new URL(location, "http://relative.invalid");
  url.searchParams.set("digest", digest);
  const target = url.hostname === "relative.invalid" ? url.pathname + url.search : url.href;
  const headers = { "Content-Type": "application/octet-stream" };
  const response = await session.call({
    method: "PUT",
    target,
    path,
    access: "pull,push",
    headers,
    body: () => bytes,
    expect: [201, 204],
    signal,
  });
  response.resume();
}

/** Asks how far the upload came; begins a new one where the registry no longer knows of it. */
async function resume(
  session: Session,
  path: string,
  location: string,
  signal?: AbortSignal,
): Promise<{ location: string; offset: number }> {
  const response = await session.call({
    method: "GET",
    target: location,
    path,
    access: "pull,push",
    expect: [204, 200, 202, 404],
    signal,
  });
  response.resume();
  if (response.statusCode === 404) return { location: await begin(session, path, signal), offset: 0 };
  const end = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? "")?.[1];
  // `0-0` is one byte, or none: registries differ, and one byte too many is refused. Then all is sent again.
  const offset = end === undefined || end === "0" ? 0 : Number(end) + 1;
  const next = response.headers.location === undefined ? location : locationOf(response, session, path);
  return offset === 0 ? { location: await begin(session, path, signal), offset } : { location: next, offset };
}

function locationOf(response: IncomingMessage, session: Session, path: string): string {
  const { location } = response.headers;
  if (location === undefined) throw session.broken(path, new Error("it gives no place to upload to"));
  return location;
}
