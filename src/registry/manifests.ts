import { digestOf, isDigest } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import { wrongContent } from "./errors.ts";
import { acceptedManifests } from "./media-types.ts";
import type { Descriptor, StoredManifest } from "./registry.ts";
import type { Session } from "./session.ts";

/** distribution-spec: clients and registries should bear manifests of 4 MiB. */
const largestManifest = 4 * 1024 * 1024;
const accept = { Accept: acceptedManifests };

function target(path: string, reference: string): string {
  return `/v2/${path}/manifests/${reference}`;
}

/** distribution-spec §Pulling manifests: HEAD. */
export async function headManifest(
  session: Session,
  path: string,
  reference: string,
  signal?: AbortSignal,
): Promise<Descriptor | undefined> {
  const response = await session.call({
    method: "HEAD",
    target: target(path, reference),
    path,
    access: "pull",
    headers: accept,
    expect: [200, 404],
    signal,
  });
  response.resume();
  if (response.statusCode === 404) return undefined;
  const { "docker-content-digest": digest, "content-length": size, "content-type": type } = response.headers;
  // A proxy that sends in chunks takes the length away: a descriptor is in histories for ever, and must be right.
  if (typeof digest !== "string" || !isDigest(digest) || size === undefined || type === undefined)
    return (await getManifest(session, path, reference, signal))?.descriptor;
  if (isDigest(reference) && digest !== reference) throw wrongContent(`${session.host}/${path}`, reference, digest);
  return {
    mediaType: mediaTypeOf(type),
    digest,
    size: Number(size),
  };
}

export async function getManifest(
  session: Session,
  path: string,
  reference: string,
  signal?: AbortSignal,
): Promise<StoredManifest | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await session.call({
      method: "GET",
      target: target(path, reference),
      path,
      access: "pull",
      headers: accept,
      expect: [200, 404],
      signal,
    });
    if (response.statusCode === 404) {
      response.resume();
      return undefined;
    }
    let bytes: Buffer;
    try {
      bytes = await session.read(response, path, largestManifest);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof EnvctlError || attempt >= 3) throw session.broken(path, error);
      continue;
    }
    const digest = digestOf(bytes);
    const where = `${session.host}/${path}@${reference}`;
    const named = response.headers["docker-content-digest"];
    if (isDigest(reference) && digest !== reference) throw wrongContent(where, reference, digest);
    if (typeof named === "string" && isDigest(named) && named !== digest) throw wrongContent(where, named, digest);
    return {
      descriptor: { mediaType: mediaTypeOf(response.headers["content-type"]), digest, size: bytes.length },
      bytes,
    };
  }
}

/** Resolves with true where the registry keeps referrers by itself (distribution-spec: `OCI-Subject`). */
export async function storeManifest(
  session: Session,
  path: string,
  reference: string,
  manifest: StoredManifest,
  signal?: AbortSignal,
): Promise<boolean> {
  const { descriptor, bytes } = manifest;
  const body = Buffer.from(bytes);
  const headers = { "Content-Type": descriptor.mediaType };
  const response = await session.call({
    method: "PUT",
    target: target(path, reference),
    path,
    access: "pull,push",
    headers,
    body: () => body,
    expect: [201, 200, 202],
    signal,
  });
  response.resume();
  const named = response.headers["docker-content-digest"];
  // Where it does not say what it stored, it is asked.
  const stored = typeof named === "string" ? named : (await headManifest(session, path, reference, signal))?.digest;
  if (stored !== descriptor.digest)
    throw wrongContent(`${session.host}/${path}`, descriptor.digest, stored ?? "nothing");
  return response.headers["oci-subject"] !== undefined;
}

export async function removeManifest(
  session: Session,
  path: string,
  reference: string,
  signal?: AbortSignal,
): Promise<void> {
  const response = await session.call({
    method: "DELETE",
    target: target(path, reference),
    path,
    access: "pull,push,delete",
    expect: [202, 200, 404],
    signal,
  });
  response.resume();
}

function mediaTypeOf(header: string | undefined): string {
  return header?.split(";")[0]?.trim() ?? "";
}
