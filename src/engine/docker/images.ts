import { pipeline, type Readable, Transform } from "node:stream";
import { type Digest, isDigest } from "../../base/digest.ts";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Progress } from "../../base/progress.ts";
import { formatRepository, type ImageReference, parseImageReference } from "../../base/reference.ts";
import type { Labels, ObservedImage, RegistryCredentials } from "../engine.ts";
import type { ApiClient, Call } from "./api.ts";
import { apiError } from "./api-error.ts";
import type { ImageInspect, TransferMessage } from "./api-types.ts";
import { observedImage } from "./image-observation.ts";
import { labelFilter } from "./label-filter.ts";
import { TransferProgress } from "./transfer.ts";
import { whileAlive } from "./while-alive.ts";

/** Images of one engine. */
export class Images {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async find(reference: string, signal?: AbortSignal): Promise<ObservedImage | undefined> {
    const answer = await this.#api.call<ImageInspect>({
      method: "GET",
      path: `/images/${encodeReference(reference)}/json`,
      doing: `inspecting image ${reference}`,
      accept: [404],
      signal,
    });
    return answer.status === 404 ? undefined : observedImage(answer.body);
  }

  async withLabels(labels: Labels, signal?: AbortSignal): Promise<ObservedImage[]> {
    const list = await this.#api.call<readonly { readonly Id: string }[]>({
      method: "GET",
      path: "/images/json",
      query: { filters: labelFilter(labels) },
      doing: "listing images",
      signal,
    });
    const found = await Promise.all(list.body.map(({ Id }) => this.find(Id, signal)));
    return found.filter((image) => image !== undefined);
  }

  async pull(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<void> {
    const image = this.#parse(reference);
    const call: Call = {
      method: "POST",
      path: "/images/create",
      query: { fromImage: formatRepository(image), tag: image.digest ?? image.tag ?? "latest" },
      headers: authentication(credentials),
      doing: `pulling ${reference}`,
      signal,
    };
    await this.#transfer(call, "pulling", progress);
  }

  async push(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<Digest> {
    const image = this.#parse(reference);
    let digest: string | undefined;
    const call: Call = {
      method: "POST",
      path: `/images/${encodeReference(formatRepository(image))}/push`,
      query: { tag: image.tag ?? "latest" },
      headers: authentication(credentials),
      doing: `pushing ${reference}`,
      signal,
    };
    await this.#transfer(call, "pushing", progress, (message) => {
      // Podman and old engines say it in words alone.
      digest = message.aux?.Digest ?? /digest: (sha256:[0-9a-f]{64})/.exec(message.status ?? "")?.[1] ?? digest;
    });
    if (digest !== undefined && isDigest(digest)) return digest;
    throw this.#refused(call, "the engine did not say which digest the registry gave it");
  }

  async load(archive: Readable, progress: Progress, signal?: AbortSignal): Promise<void> {
    const ask = (limit: AbortSignal) =>
      this.#api.call({ method: "GET", path: "/_ping", doing: "loading an image", timeout: 10_000, signal: limit });
    const work = async (whileThere: AbortSignal, sign: () => void) => {
      const sent = new Transform({
        transform(chunk, _encoding, done) {
          sign();
          done(null, chunk);
        },
      });
      // Whoever reads it is told by it what went wrong with the archive.
      pipeline(archive, sent, () => {});
      const call: Call = {
        method: "POST",
        path: "/images/load",
        query: { quiet: false },
        headers: { "Content-Type": "application/x-tar" },
        body: sent,
        doing: "loading an image",
        signal: whileThere,
      };
      await this.#transfer(call, "loading", progress, sign);
    };
    await whileAlive(ask, work, signal);
  }

  async tag(id: string, reference: string, signal?: AbortSignal): Promise<void> {
    const image = this.#parse(reference);
    await this.#api.call({
      method: "POST",
      path: `/images/${encodeReference(id)}/tag`,
      query: { repo: formatRepository(image), tag: image.tag ?? "latest" },
      doing: `tagging ${reference}`,
      signal,
    });
  }

  /** Takes one name away, and the content with the last one. Throws `image-in-use`. */
  async remove(reference: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#api.call({
        method: "DELETE",
        path: `/images/${encodeReference(reference)}`,
        doing: `removing image ${reference}`,
        accept: [404],
        signal,
      });
    } catch (error) {
      if (!(error instanceof EnvctlError) || error.code !== "image-missing") throw error;
    }
  }

  async resolveDigest(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<Digest> {
    const image = this.#parse(reference);
    const call: Call = {
      method: "GET",
      path: `/distribution/${encodeReference(reference)}/json`,
      headers: authentication(credentials),
      doing: `asking which digest ${reference} has`,
      signal,
    };
    try {
      const answer = await this.#api.call<{ readonly Descriptor?: { readonly digest?: string } }>(call);
      const digest = answer.body.Descriptor?.digest ?? "";
      if (isDigest(digest)) return digest;
      throw this.#refused(call, "the engine did not say which digest the registry gave it");
    } catch (error) {
      // Podman 4 lacks this call: pulling tells the digest as well.
      if (!(error instanceof EnvctlError) || error.code !== "not-found") throw error;
      await this.pull(reference, credentials, progress, signal);
      const prefix = `${formatRepository(image)}@`;
      const found = (await this.find(reference, signal))?.repoDigests.find((name) => name.startsWith(prefix));
      const digest = found?.slice(prefix.length) ?? "";
      if (isDigest(digest)) return digest;
      throw error;
    }
  }

  /** Follows a transfer to its end. An engine answers 200 first and may fail later, in the stream. */
  async #transfer(call: Call, verb: string, progress: Progress, onMessage?: (message: TransferMessage) => void) {
    const transfer = new TransferProgress(verb, progress);
    for await (const message of this.#api.messages<TransferMessage>(call)) {
      const failure = message.errorDetail?.message ?? message.error;
      if (failure !== undefined) throw this.#refused(call, failure);
      transfer.add(message);
      onMessage?.(message);
    }
  }

  #refused(call: Call, message: string): EnvctlError {
    return apiError({ status: 500, message, where: this.#api.where, doing: call.doing });
  }

  #parse(reference: string): ImageReference {
    const image = parseImageReference(reference);
    if (image) return image;
    throw new EnvctlError({
      code: "image-reference-invalid",
      exitCode: ExitCode.usage,
      what: `${JSON.stringify(reference)} is not the name of an image`,
      where: this.#api.where,
    });
  }
}

/** Slashes, colons and `@` stay: the engine's routes take the rest of the path as the name. */
function encodeReference(reference: string): string {
  return reference.replaceAll(/[^A-Za-z0-9._:@/-]/g, encodeURIComponent);
}

/** Engine API, "Authentication": base64url JSON. Pushes fail without the header, so that nobody is `{}`. */
function authentication(credentials: RegistryCredentials | undefined): Record<string, string> {
  const content = credentials ? authConfig(credentials) : {};
  // Padding kept: Go's `base64.URLEncoding` refuses text without it.
  const text = Buffer.from(JSON.stringify(content)).toString("base64");
  return { "X-Registry-Auth": text.replaceAll("+", "-").replaceAll("/", "_") };
}

/** Engine API, AuthConfig: an identity token, as `docker login` has it of some registries, has a field of its own. */
function authConfig({ username, password, registry }: RegistryCredentials): object {
  const identity = username === "<token>" ? { identitytoken: password } : { username, password };
  return { ...identity, serveraddress: registry };
}
