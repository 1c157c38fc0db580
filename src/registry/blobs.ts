import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Digest, digestOf } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import { wrongContent } from "./errors.ts";
import { readBody, TruncatedError } from "./http.ts";
import type { Session } from "./session.ts";
import { VerifiedStream } from "./verified-stream.ts";

const attempts = 4;

function target(path: string, digest: Digest): string {
  return `/v2/${path}/blobs/${digest}`;
}

export async function blobExists(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<boolean> {
  const response = await session.call({
    method: "HEAD",
    target: target(path, digest),
    path,
    access: "pull",
    expect: [200, 404],
    signal,
  });
  response.resume();
  return response.statusCode === 200;
}

/** A blob small enough to hold: a configuration, a record. */
export async function wholeBlob(session: Session, path: string, digest: Digest, signal?: AbortSignal): Promise<Buffer> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await session.call({
      method: "GET",
      target: target(path, digest),
      path,
      access: "pull",
      expect: [200],
      signal,
    });
    try {
      const bytes = await readBody(response, 32 * 1024 * 1024);
      const found = digestOf(bytes);
      if (found !== digest) throw wrongContent(`${session.host}/${path}`, digest, found);
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof EnvctlError) throw error;
      if (attempt >= attempts) throw session.broken(path, error);
    }
  }
}

/** The content as it comes; a connection that breaks off is taken up again where it broke (RFC 9110 §14). */
export async function blobStream(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Readable> {
  const first = await session.call({
    method: "GET",
    target: target(path, digest),
    path,
    access: "pull",
    expect: [200],
    signal,
  });
  const joined = new PassThrough();
  const verified = new VerifiedStream(digest, `${session.host}/${path}`);
  void pipeline(joined, verified).catch(() => {});
  void copyResuming(session, path, digest, first, joined, signal).catch((error: unknown) => {
    joined.destroy();
    verified.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return verified;
}

async function copyResuming(
  session: Session,
  path: string,
  digest: Digest,
  first: Readable & { complete?: boolean },
  to: PassThrough,
  signal?: AbortSignal,
): Promise<void> {
  let response: Readable & { complete?: boolean } = first;
  let offset = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      for await (const chunk of response) {
        const bytes = chunk as Buffer;
        offset += bytes.length;
        if (!to.write(bytes)) await drained(to);
      }
      if (response.complete === false) throw new TruncatedError();
      to.end();
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (to.destroyed) return;
      if (attempt >= attempts) throw session.broken(path, error);
      const headers = { Range: `bytes=${offset}-` };
      const next = await session.call({
        method: "GET",
        target: target(path, digest),
        path,
        access: "pull",
        headers,
        expect: [200, 206],
        signal,
      });
      // A registry without ranges sends all of it again: what was passed on already is skipped.
      if (next.statusCode === 200) await skip(next, offset);
      response = next;
    }
  }
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      stream.off("drain", settle);
      stream.off("close", closed);
      resolve();
    };
    const closed = () => reject(new Error("the reader went away"));
    stream.once("drain", settle);
    stream.once("close", closed);
  });
}

async function skip(stream: Readable, count: number): Promise<void> {
  let left = count;
  while (left > 0) {
    const chunk: Buffer | null = stream.read(Math.min(left, 64 * 1024)) ?? stream.read();
    if (chunk === null) {
      if (stream.readableEnded) return;
      await new Promise((resolve) => stream.once("readable", resolve));
      continue;
    }
    if (chunk.length > left) stream.unshift(chunk.subarray(left));
    left -= Math.min(left, chunk.length);
  }
}
