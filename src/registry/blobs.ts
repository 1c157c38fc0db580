import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { type Digest, digestOf } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import { senseless, wrongContent } from "./errors.ts";
import { TruncatedError } from "./http.ts";
import type { Call, Session } from "./session.ts";

const attempts = 4;
/** Who got this much further since the last break is not stuck: a large blob may break off more often than we try. Bytes. */
const headway = 1024 * 1024;

/** Of a blob that is held whole: configurations and records are far smaller. Bytes. */
const largestWhole = 32 * 1024 * 1024;

interface BlobRequest {
  readonly session: Session;
  readonly path: string;
  readonly digest: Digest;
  readonly signal: AbortSignal | undefined;
}

function callFor({ path, digest, signal }: BlobRequest, method: "GET" | "HEAD", expect: readonly number[]): Call {
  return { method, target: `/v2/${path}/blobs/${digest}`, path, access: "pull", expect, signal };
}

/** distribution-spec §Checking if content exists in the registry. */
export async function blobExists(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<boolean> {
  const response = await session.call(callFor({ session, path, digest, signal }, "HEAD", [200, 404]));
  response.resume();
  return response.statusCode === 200;
}

/** A blob small enough to hold: a configuration, a record. */
export async function wholeBlob(session: Session, path: string, digest: Digest, signal?: AbortSignal): Promise<Buffer> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await session.call(callFor({ session, path, digest, signal }, "GET", [200]));
    try {
      const bytes = await session.read(response, path, largestWhole);
      const found = digestOf(bytes);
      if (found !== digest) throw wrongContent(`${session.host}/${path}`, digest, found);
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof EnvctlError || attempt >= attempts) throw session.broken(path, error);
    }
  }
}

/**
 * The content as it comes; a connection that breaks off is taken up again where it broke (RFC 9110 §14). The stream fails at
 * its end if the digest is another.
 */
export async function blobStream(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Readable> {
  const request = { session, path, digest, signal };
  const first = await session.call(callFor(request, "GET", [200]));
  const content = Readable.from(provenContent(request, first), { objectMode: false, highWaterMark: 256 * 1024 });
  // If nobody ever reads, nobody else would give the connection back.
  content.once("close", () => first.destroy());
  return content;
}

async function* provenContent(request: BlobRequest, first: IncomingMessage): AsyncGenerator<Buffer> {
  const { session, path, digest } = request;
  const hash = createHash("sha256");
  for await (const chunk of resumedContent(request, first)) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== digest) throw wrongContent(`${session.host}/${path}`, digest, found);
}

async function* resumedContent(request: BlobRequest, first: IncomingMessage): AsyncGenerator<Buffer> {
  const { session, path, signal } = request;
  let response = first;
  let offset = 0;
  let failures = 0;
  let brokenAt = 0;
  try {
    for (let chunks = chunksOf(response); ; ) {
      let next: IteratorResult<Buffer>;
      try {
        next = await chunks.next();
        if (next.done && !response.complete) throw new TruncatedError();
      } catch (error) {
        signal?.throwIfAborted();
        failures = offset - brokenAt >= headway ? 1 : failures + 1;
        brokenAt = offset;
        if (failures >= attempts) throw session.broken(path, error);
        response.destroy();
        response = await continued(request, offset);
        chunks = response.statusCode === 206 ? chunksOf(response) : withoutStart(chunksOf(response), offset);
        continue;
      }
      if (next.done) return;
      offset += next.value.length;
      yield next.value;
    }
  } finally {
    response.destroy();
  }
}

/** Asks for the rest. A registry without ranges sends all of it again (200). */
async function continued(request: BlobRequest, offset: number): Promise<IncomingMessage> {
  const headers = { Range: `bytes=${offset}-` };
  const response = await request.session.call({ ...callFor(request, "GET", [200, 206]), headers });
  const start = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1];
  if (response.statusCode === 200 || Number(start) === offset) return response;
  response.destroy();
  throw senseless(`${request.session.host}/${request.path}`, "it sends another part of a blob than was asked for");
}

async function* chunksOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const chunk of response) yield chunk as Buffer;
}

async function* withoutStart(chunks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
