import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { ImageDefinition } from "../environment/model.ts";
import { redactor } from "../secrets/redactor.ts";
import { buildArguments } from "./build-arguments.ts";
import { buildError } from "./build-error.ts";
import { passSecrets } from "./build-secrets.ts";
import { BuildSteps } from "./build-steps.ts";
import type { Builder } from "./builder.ts";
import { BuildkitOutput } from "./buildkit-output.ts";
import { ClassicOutput } from "./classic-output.ts";
import { dockerfileLine } from "./dockerfile-line.ts";
import { plainLine } from "./output.ts";

export interface BuildRequest {
  readonly image: ImageDefinition;
  readonly labels: Readonly<Record<string, string>>;
  /** Local name for the image in the engine; undefined leaves it without one. */
  readonly tag?: string | undefined;
  /**
   * Push straight to this reference (`registry/path:tag`) instead of loading into the engine: the only way for several
   * platforms, because an engine's classic store can't hold an index. Needs buildx.
   */
  readonly push?: string | undefined;
  /** Values of the build secrets by id. They reach neither arguments, output, errors nor the image. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly builder: Builder;
  /** The builder's whole environment: PATH, HOME, DOCKER_HOST, … */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly commitTime: Date | undefined;
  readonly noCache?: boolean | undefined;
  /** Ask registries for newer base images. */
  readonly pull?: boolean | undefined;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export type BuildResult = {
  /** Digests of the base images that the builder named, by `registry/path:tag`. */
  readonly bases: ReadonlyMap<string, Digest>;
} & MadeImage;

type MadeImage =
  /** In the engine, under this id: config digest (classic store) or manifest digest (containerd store). */
  | { readonly kind: "loaded"; readonly id: Digest }
  /** In the registry: digest of the manifest or index. */
  | { readonly kind: "pushed"; readonly digest: Digest };

/**
 * Builds the image once. Steps are reported live to `progress`. Throws `build-failed` (exit 1) with the failing step's
 * output as evidence, `builder-too-old` (exit 2), `engine-unreachable` (exit 5), or the signal's reason after the builder's
 * process has ended.
 */
export async function buildImage(request: BuildRequest): Promise<BuildResult> {
  request.signal?.throwIfAborted();
  await refuseImpossible(request);
  const folder = await mkdtemp(join(tmpdir(), "envctl-build-"));
  try {
    const resultFile = join(folder, "result");
    const bases = await runBuilder(request, folder, resultFile);
    return { ...(await readResult(request, resultFile)), bases };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runBuilder(
  request: BuildRequest,
  folder: string,
  resultFile: string,
): Promise<ReadonlyMap<string, Digest>> {
  const { builder, image, signal } = request;
  const secrets = await passSecrets(request.secrets, folder);
  const command = buildArguments({
    builder,
    image,
    labels: request.labels,
    tag: request.tag,
    push: request.push,
    commitTime: request.commitTime,
    noCache: request.noCache ?? false,
    pull: request.pull ?? false,
    secretOptions: secrets.options,
    resultFile,
  });
  const { redact } = redactor(Object.values(request.secrets));
  const reader = builder.kind === "classic" ? new ClassicOutput() : new BuildkitOutput();
  const steps = new BuildSteps(request.progress);
  const { execa } = await import("execa");
  const child = execa(builder.binary, command, {
    env: { ...request.variables, ...settings[builder.kind], ...secrets.variables },
    extendEnv: false,
    stdin: "ignore",
    all: true,
    buffer: false,
    reject: false,
    forceKillAfterDelay: 10_000,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  for await (const line of child.iterable({ from: "all" })) {
    for (const event of reader.read(redact(plainLine(line)))) steps.handle(event);
  }
  const result = await child;
  if (result.failed && !signal?.aborted) for (const event of reader.end()) steps.handle(event);
  await steps.close(result.failed ? "stopped" : undefined);
  signal?.throwIfAborted();
  if (!result.failed) return steps.bases;
  const engine = request.variables.DOCKER_HOST ?? "the local Docker engine";
  const { failure } = steps;
  const line = failure.line ?? (await findLine(image.dockerfile, failure.title));
  throw buildError({ ...failure, line }, image.dockerfile, engine);
}

async function findLine(dockerfile: string, title: string | undefined): Promise<number | undefined> {
  if (title === undefined) return undefined;
  // Gone or unreadable by now: then the message does without the line.
  const text = await readFile(dockerfile, "utf8").catch(() => "");
  return dockerfileLine(text, title);
}

const settings: Readonly<Record<Builder["kind"], Readonly<Record<string, string>>>> = {
  // The variable covers versions between the first attestations and the option that turns them off.
  buildx: { BUILDX_NO_DEFAULT_ATTESTATIONS: "1", BUILDX_METADATA_PROVENANCE: "disabled", DOCKER_CLI_HINTS: "false" },
  buildkit: { DOCKER_BUILDKIT: "1", DOCKER_SCAN_SUGGEST: "false" },
  classic: { DOCKER_BUILDKIT: "0", DOCKER_SCAN_SUGGEST: "false", DOCKER_CLI_HINTS: "false" },
};

async function refuseImpossible({ builder, image, push, secrets, progress }: BuildRequest): Promise<void> {
  if (builder.kind === "classic" && (image.secrets.length > 0 || Object.keys(secrets).length > 0)) {
    throw tooOld(builder, "pass build secrets (image.secrets)");
  }
  if (image.platforms.length > 1 && builder.kind !== "buildx") {
    throw tooOld(builder, "build for several platforms (image.platforms)");
  }
  if (push !== undefined && builder.kind !== "buildx") throw tooOld(builder, "push what it builds");
  if (image.platforms.length > 1 && push === undefined) {
    throw new EnvctlError({
      code: "push-needed",
      exitCode: ExitCode.usage,
      what: "An image for several platforms can't be loaded into an engine: it has to go straight to a registry.",
      where: image.platforms.join(", "),
      next: "Name a registry in image.repository, or one platform in image.platforms.",
    });
  }
  if (builder.kind !== "classic") return;
  const own = `${image.dockerfile}.dockerignore`;
  const ignored = await access(own).then(
    () => true,
    () => false,
  );
  if (ignored) progress.warn(`Docker's old builder does not read ${own}: files it lists become part of the image.`);
}

function tooOld(builder: Builder, ability: string): EnvctlError {
  return new EnvctlError({
    code: "builder-too-old",
    exitCode: ExitCode.usage,
    what: `This Docker (${builder.kind === "classic" ? "classic builder" : "BuildKit without buildx"}, CLI ${builder.version}) can't ${ability}.`,
    where: builder.binary,
    state: "Nothing was built.",
    next: "Install buildx (package docker-buildx-plugin or docker-buildx), and build on an engine from 23 on.",
  });
}

async function readResult(request: BuildRequest, file: string): Promise<MadeImage> {
  const text = (await readFile(file, "utf8").catch(() => "")).trim();
  if (request.push === undefined) {
    if (isDigest(text)) return { kind: "loaded", id: text };
  } else {
    const digest = metadataDigest(text);
    if (digest !== undefined) return { kind: "pushed", digest };
  }
  throw new EnvctlError({
    code: "build-failed",
    exitCode: ExitCode.failed,
    what: "The builder ended without an error, but did not say which image it built.",
    where: request.builder.binary,
    next: "Update Docker and buildx, and build again with --verbose.",
  });
}

/** `--metadata-file` of buildx: the digest is that of the manifest, or of the index for several platforms. */
function metadataDigest(text: string): Digest | undefined {
  try {
    const metadata: unknown = JSON.parse(text);
    const digest = (metadata as Readonly<Record<string, unknown>> | null)?.["containerimage.digest"];
    return typeof digest === "string" && isDigest(digest) ? digest : undefined;
  } catch {
    return undefined;
  }
}
