import { cacheDirectory } from "../base/cache-directory.ts";
import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { formatRepository } from "../base/reference.ts";
import type { Engine } from "../engine/engine.ts";
import { copyImage } from "../registry/copy.ts";
import { credentialsFor } from "../registry/credentials.ts";
import { describeImage } from "../registry/image.ts";
import { releaseFromLabels } from "../release/identify.ts";
import { imageLabels } from "../release/labels.ts";
import { releaseName } from "../release/name.ts";
import type { Release } from "../release/release.ts";
import { fingerprintTag } from "../release/tags.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { bringRelease } from "../rollout/image.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { resolveSecrets } from "../secrets/resolve.ts";
import { buildImage } from "./build.ts";
import { type BuildFacts, beginFacts } from "./build-facts.ts";
import { noteBuild } from "./build-note.ts";
import { BuildTasks } from "./build-tasks.ts";
import { findBuilder } from "./builder.ts";
import { listContext } from "./context.ts";
import { requireNoSecrets } from "./context-secrets.ts";
import { fingerprintBuild } from "./fingerprint.ts";
import { type GitState, readGitState } from "./git.ts";
import type { Tree } from "./tree.ts";

/** What a build would be of, before there is one. */
export interface BuildIntent {
  readonly name: string;
  readonly fingerprint: string;
  readonly git: GitState;
  /** The files that the fingerprint is over. */
  readonly tree: Tree;
}

export interface MadeRelease {
  readonly release: Release;
  /** The files of its build context, as they were when its fingerprint was taken. */
  readonly tree: Tree;
  /** False where the same inputs had been built before. */
  readonly built: boolean;
  /** How it was built, where it was. */
  readonly facts: BuildFacts | undefined;
}

export interface MakeOptions {
  /** Build even if the same inputs were built before. */
  readonly force: boolean;
}

/** Reads the inputs: what the release would be called, and the fingerprint by which it is found again. */
export async function readIntent(workspace: Workspace): Promise<BuildIntent> {
  const { environment, variables, signal, progress } = workspace;
  return await progress.step("read the build context", async (at) => {
    const context = await listContext(environment.image, signal);
    requireNoSecrets(context);
    for (const note of context.notes) at.warn(note);
    const [fingerprint, git] = await Promise.all([
      fingerprintBuild(context, environment.image, { cacheDirectory: cacheDirectory(variables), signal }),
      readGitState(environment.directory, { variables, signal }),
    ]);
    if (git.warning !== undefined) at.warn(git.warning);
    const name = releaseName({ commit: git.commit, dirty: git.dirty, fingerprint: fingerprint.hash });
    at.note(`${fingerprint.files} files`);
    return { name, fingerprint: fingerprint.hash, git, tree: fingerprint.tree };
  });
}

/** The release that was built of these inputs before, if the registry has it. */
export async function findBuilt(
  repository: OpenRepository,
  intent: BuildIntent,
  signal?: AbortSignal,
): Promise<Release | undefined> {
  const image = await describeImage(repository.registry, repository.path, fingerprintTag(intent.fingerprint), signal);
  const release = image && releaseFromLabels(image);
  // A tag can be moved: only an image that says so itself was built of these inputs.
  return release?.fingerprint === intent.fingerprint ? release : undefined;
}

/** Builds and pushes the image, unless these very inputs were built before. */
export async function makeRelease(workspace: Workspace, options: MakeOptions): Promise<MadeRelease> {
  const { environment, connections, progress, signal } = workspace;
  const repository = await connections.repository(environment.image);
  const intent = await readIntent(workspace);
  const known = options.force ? undefined : await findBuilt(repository, intent, signal);
  if (known) {
    await progress.step(`build ${environment.name} ${known.name}`, async (at) =>
      at.note("nothing changed, nothing built"),
    );
    return { release: known, tree: intent.tree, built: false, facts: undefined };
  }
  const occasion = {
    kind: "build",
    facts: { release: intent.name },
    factsOf: ({ release }: MadeRelease) => ({ release: release.name, digest: release.digest }),
  } as const;
  return await workspace.hooks.around(occasion, async (before) => {
    if (!(await before())) return await buildRelease(workspace, repository, intent, options);
    // A hook may have written sources: what is built is what lies there now.
    const present = await readIntent(workspace);
    const built = options.force ? undefined : await findBuilt(repository, present, signal);
    return built
      ? { release: built, tree: present.tree, built: false, facts: undefined }
      : await buildRelease(workspace, repository, present, options);
  });
}

async function buildRelease(
  workspace: Workspace,
  repository: OpenRepository,
  intent: BuildIntent,
  options: MakeOptions,
): Promise<MadeRelease> {
  const { signal, connections } = workspace;
  const engine = await connections.engine({ kind: "local", name: "local" }, signal);
  const tasks = new BuildTasks(workspace, engine);
  await tasks.before(repository);
  const { digest, proven, facts } = await buildAndPush(workspace, { repository, intent, options, engine, tasks });
  const image = await describeImage(repository.registry, repository.path, digest, signal);
  const release = image && releaseFromLabels(image);
  if (release?.fingerprint !== intent.fingerprint) throw notWhatWasBuilt(repository, digest);
  if (!proven) {
    const found = await bringRelease(engine, repository, release, workspace.progress, signal);
    await tasks.run("after-build", found, release.name);
  }
  // From now on it counts as built.
  const tags = [release.name, fingerprintTag(intent.fingerprint)];
  await copyImage({ source: repository, target: repository, digest, tags, signal });
  return { release, tree: intent.tree, built: true, facts };
}

interface BuildParts {
  readonly repository: OpenRepository;
  readonly intent: BuildIntent;
  readonly options: MakeOptions;
  readonly engine: Engine;
  readonly tasks: BuildTasks;
}

/** `proven` is false where the image went straight to the registry, and the tasks that come after a build are still to be run. */
async function buildAndPush(
  workspace: Workspace,
  { repository, intent, options, engine, tasks }: BuildParts,
): Promise<{ readonly digest: Digest; readonly proven: boolean; readonly facts: BuildFacts }> {
  const { environment, progress, signal, variables } = workspace;
  const { image } = environment;
  const builder = await findBuilder({ variables, signal });
  if (builder.warning !== undefined) progress.warn(builder.warning);
  const { serveEmbedded } = repository;
  const port = serveEmbedded && (await engine.forwardToLoopback(await serveEmbedded(), signal));
  if (serveEmbedded && port === undefined) throw builderTooFar(engine.name);
  const registry = port === undefined ? repository.registry.host : `127.0.0.1:${port}`;
  const severalPlatforms = image.platforms.length > 1;
  const unproven = severalPlatforms && tasks.of("after-build").length > 0;
  // A name by which nobody finds it: what fails its tasks must not be taken for built.
  const tag = `${unproven ? "unproven-" : ""}${fingerprintTag(intent.fingerprint)}`;
  const reference = `${formatRepository({ registry, path: repository.path })}:${tag}`;
  const secrets = await resolveSecrets(image.secrets, {
    stage: undefined,
    directory: environment.directory,
    variables,
  });
  const endFacts = await beginFacts(workspace, { engine, builder, intent, forced: options.force });
  const result = await progress.step(`build ${environment.name} ${intent.name}`, (at) =>
    buildImage({
      image,
      labels: imageLabels({
        environment: environment.name,
        release: intent.name,
        fingerprint: intent.fingerprint,
        commit: intent.git.commit,
        dirty: intent.git.dirty,
        commitTime: intent.git.commitTime,
        source: intent.git.source,
      }),
      ...(severalPlatforms ? { push: reference } : { tag: reference }),
      secrets: secrets.values,
      builder,
      variables,
      commitTime: intent.git.commitTime,
      noCache: options.force,
      progress: at,
      signal,
    }),
  );
  const facts = await endFacts(result.bases);
  await noteBuild(workspace, result.kind === "pushed" ? result.digest : result.id, facts);
  if (result.kind === "pushed") return { digest: result.digest, proven: !unproven, facts };
  await tasks.run("after-build", result.id, intent.name);
  const digest = await progress.step(
    `push to ${serveEmbedded === undefined ? registry : "the embedded registry"}`,
    async (at) => {
      const found = serveEmbedded === undefined ? await credentialsFor(registry, variables) : undefined;
      const credentials = found && { username: found.username, password: found.password, registry };
      return await engine.pushImage(reference, credentials, at, signal).catch((error: unknown) => {
        throw error instanceof EnvctlError ? notPushed(error, repository) : error;
      });
    },
  );
  return { digest, proven: true, facts };
}

function notPushed(error: EnvctlError, { registry, serveEmbedded }: OpenRepository): EnvctlError {
  return error.with({
    state: "it was built and not pushed, and does not count as built; what ran before still runs",
    next: serveEmbedded
      ? `look at the permissions and the space of ${registry.host}, then run the same command again`
      : "envctl doctor tries the registry; then run the same command again",
  });
}

function notWhatWasBuilt(repository: OpenRepository, digest: Digest): EnvctlError {
  return new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `the registry's ${digest} is not the image that was just built`,
    where: `${repository.registry.host}/${repository.path}`,
    state: "nothing was run",
    next: "somebody may be pushing to the same repository: try again, and ask who",
  });
}

function builderTooFar(engine: string): EnvctlError {
  return new EnvctlError({
    code: "registry-out-of-reach",
    exitCode: ExitCode.unreachable,
    what: "the engine that builds cannot reach the embedded registry over plain TCP",
    where: engine,
    state: "nothing was built",
    next: "name a registry in image.repository, or reach the engine over SSH: DOCKER_HOST=ssh://…",
  });
}
