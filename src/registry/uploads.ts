import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import { blobExists } from "./blobs.ts";
import { ExactLength } from "./exact-length.ts";
import type { Descriptor } from "./registry.ts";
import { type Call, passingStatuses, type Session } from "./session.ts";

type Open = (offset: number) => Promise<Readable>;

/** Up to this size a blob is sent in one piece. Bytes. */
const monolithic = 8 * 1024 * 1024;
const attempts = 5;
/** Registries move what they received to its place before they answer, and storage may be slow. Milliseconds. */
const longestClosing = 300_000;
const stored: readonly number[] = [202, 204];
const finished: readonly number[] = [201, 204];
/** An upload that the registry forgot, or that stands elsewhere than we thought (distribution-spec: 404, 416). */
const lostOrElsewhere: readonly number[] = [400, 404, 409, 410, 416];

/** distribution-spec §Mounting a blob from another repository. */
export async function mount(
  session: Session,
  path: string,
  digest: Digest,
  from: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const target = `/v2/${path}/blobs/uploads/?${query}`;
  const response = await session.call({ ...posting(path, target, signal), from, expect: [201, 202] });
  response.resume();
  if (response.statusCode === 201) return true;
  // An upload was begun instead; it is not wanted. Where it cannot be taken back, the registry forgets it by itself.
  try {
    const location = session.locationOf(response, target, path);
    const call = { method: "DELETE", target: location, path, access: "pull,push", retry: false, signal } as const;
    (await session.call({ ...call, expect: [200, 202, 204] })).resume();
  } catch {
    signal?.throwIfAborted();
  }
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
  const sending = new Upload(session, path, descriptor, open, signal);
  await (descriptor.size <= monolithic ? sending.whole() : sending.streamed());
}

class Upload {
  readonly #session: Session;
  readonly #path: string;
  readonly #descriptor: Descriptor;
  readonly #open: Open;
  readonly #signal: AbortSignal | undefined;
  #location = "";
  #offset = 0;

  constructor(session: Session, path: string, descriptor: Descriptor, open: Open, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#path = path;
    this.#descriptor = descriptor;
    this.#open = open;
    this.#signal = signal;
  }

  async whole(): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.#content(0)) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    for (let attempt = 1; ; attempt += 1) {
      // Each try begins anew: what came of the one before may be half of it.
      await this.#begin();
      if (await this.#finish(bytes, attempt >= attempts)) return;
      if (attempt >= attempts) throw this.#forgotten();
      await this.#session.pause(attempt, this.#signal);
    }
  }

  async streamed(): Promise<void> {
    await this.#begin();
    for (let attempt = 1; ; attempt += 1) {
      const sent = await this.#tryStreaming(attempt >= attempts);
      if (sent && (await this.#finish(Buffer.alloc(0), attempt >= attempts))) return;
      if (attempt >= attempts) throw this.#forgotten();
      await this.#session.pause(attempt, this.#signal);
      await this.#resume();
    }
  }

  /** False where it broke off and may be taken up again. */
  async #tryStreaming(last: boolean): Promise<boolean> {
    const { size } = this.#descriptor;
    if (this.#offset === size) return true;
    try {
      const target = this.#location;
      const response = await this.#session.call({
        ...this.#call("PATCH", target),
        headers: {
          "Content-Type": "application/octet-stream",
          "Content-Length": String(size - this.#offset),
          "Content-Range": `${this.#offset}-${size - 1}`,
        },
        body: () => this.#content(this.#offset),
        expect: last ? stored : [...stored, ...lostOrElsewhere, ...passingStatuses],
        idle: longestClosing,
        retry: false,
      });
      response.resume();
      if (!stored.includes(response.statusCode ?? 0)) return false;
      this.#location = this.#session.locationOf(response, target, this.#path);
      return true;
    } catch (error) {
      this.#rethrowUnlessPassing(error, last);
      return false;
    }
  }

  async #begin(): Promise<void> {
    const target = `/v2/${this.#path}/blobs/uploads/`;
    const response = await this.#session.call({ ...posting(this.#path, target, this.#signal), expect: [202] });
    response.resume();
    this.#location = this.#session.locationOf(response, target, this.#path);
    this.#offset = 0;
  }

  /** Closes the upload with its last bytes. False where that may have failed and the registry does not have the blob. */
  async #finish(bytes: Buffer, last: boolean): Promise<boolean> {
    const url = new URL(this.#location, "http://registry.invalid");
    url.searchParams.set("digest", this.#descriptor.digest);
    const target = url.hostname === "registry.invalid" ? url.pathname + url.search : url.href;
    try {
      const response = await this.#session.call({
        ...this.#call("PUT", target),
        headers: { "Content-Type": "application/octet-stream" },
        body: () => bytes,
        expect: last ? finished : [...finished, 404, ...passingStatuses],
        idle: longestClosing,
        retry: false,
      });
      response.resume();
      if (finished.includes(response.statusCode ?? 0)) return true;
    } catch (error) {
      this.#rethrowUnlessPassing(error, last);
    }
    // It may have been heard and only its answer lost; then the registry has forgotten the upload.
    return await blobExists(this.#session, this.#path, this.#descriptor.digest, this.#signal);
  }

  #rethrowUnlessPassing(error: unknown, last: boolean): void {
    this.#signal?.throwIfAborted();
    // Sending again does not help where the content itself is wrong, or we may not.
    if (last || !(error instanceof EnvctlError) || error.code !== "registry-unreachable") throw error;
  }

  #forgotten(): EnvctlError {
    return this.#session.broken(this.#path, new Error("it forgets uploads before their end"));
  }

  /** Asks how far the upload came; begins a new one where the registry no longer knows of it. */
  async #resume(): Promise<void> {
    const target = this.#location;
    const response = await this.#session.call({
      ...this.#call("GET", target),
      expect: [204, 200, 202, ...lostOrElsewhere],
    });
    response.resume();
    const end = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? "")?.[1];
    const offset = end === undefined ? 0 : Number(end) + 1;
    // `0-0` is one byte, or none: registries differ, and one byte too many is refused. Then all is sent again.
    const usable = !lostOrElsewhere.includes(response.statusCode ?? 0) && offset > 1 && offset <= this.#descriptor.size;
    if (!usable) return await this.#begin();
    if (response.headers.location !== undefined)
      this.#location = this.#session.locationOf(response, target, this.#path);
    this.#offset = offset;
  }

  /** The content from there on, which fails rather than let the registry wait for bytes that do not come. */
  async #content(offset: number): Promise<Readable> {
    const content = await this.#open(offset);
    const exact = new ExactLength(this.#descriptor.size - offset, this.#descriptor.digest);
    content.on("error", (error) => exact.destroy(error));
    exact.on("close", () => content.destroy());
    return content.pipe(exact);
  }

  #call(method: "GET" | "PATCH" | "PUT", target: string): Omit<Call, "expect"> {
    return { method, target, path: this.#path, access: "pull,push", signal: this.#signal };
  }
}

function posting(path: string, target: string, signal: AbortSignal | undefined): Omit<Call, "expect"> {
  return { method: "POST", target, path, access: "pull,push", body: () => Buffer.alloc(0), signal };
}
