import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { type ContainerSpec, type Engine, Label, type Labels } from "../engine/engine.ts";
import { Agent, type AgentStart } from "./agent.ts";
import { agentFolder } from "./agent-script.ts";

type Ready = Extract<AgentStart, { readonly kind: "ready" }>;

const busyboxPath = `${agentFolder}/busybox`;

/**
 * Starts an agent in a running container: in its own shell, or, where the image has none or lacks tools, in a busybox
 * that is put into it. Throws `sync-impossible`, and `container-not-running`.
 */
export async function startAgent(
  engine: Engine,
  container: string,
  busybox: () => Promise<string>,
  signal?: AbortSignal,
): Promise<Ready> {
  const own = await attempt(engine, container, undefined);
  if (own.kind === "ready") return own;
  if (own.kind === "read-only") throw readOnly(engine, container);
  // A container that had its files synced before, or was restarted, has it.
  const there = await attempt(engine, container, busyboxPath);
  if (there.kind === "ready") return there;
  await putBusybox(engine, container, own.what, busybox, signal);
  const injected = await attempt(engine, container, busyboxPath);
  if (injected.kind === "ready") return injected;
  if (injected.kind === "read-only") throw readOnly(engine, container);
  throw impossible(engine, container, own.what, new Error(`with busybox it still lacks ${injected.what}`));
}

/** `lacks`: why it is needed. Throws `sync-impossible`. */
async function putBusybox(
  engine: Engine,
  container: string,
  lacks: string,
  busybox: () => Promise<string>,
  signal?: AbortSignal,
): Promise<void> {
  let content: Uint8Array;
  try {
    content = await takeBusybox(engine, await busybox(), await placeOf(engine, container, signal), signal);
  } catch (error) {
    signal?.throwIfAborted();
    const next = "let the engine pull busybox once: docker pull busybox:stable";
    throw impossible(engine, container, lacks, error, next);
  }
  try {
    await engine.writeFiles(container, [{ path: busyboxPath, content, mode: 0o755 }], signal);
  } catch (error) {
    signal?.throwIfAborted();
    // Such as a root file system that is read-only, of which engines tell each in its own words.
    throw impossible(engine, container, lacks, error);
  }
}

async function attempt(engine: Engine, container: string, busybox: string | undefined): Promise<AgentStart> {
  try {
    return await Agent.start(engine, container, busybox);
  } catch (error) {
    const cause = error instanceof EnvctlError && error.code === "sync-lost" ? error.cause : error;
    const code = cause instanceof EnvctlError ? cause.code : undefined;
    // Engines refuse the start of a program that is not there, or start it and let it end at once.
    if (code === undefined || code === "engine-refused") return { kind: "lacks-tools", what: "a shell" };
    throw cause;
  }
}

/** Labels that say whose a container is. */
async function placeOf(engine: Engine, container: string, signal?: AbortSignal): Promise<Labels> {
  const labels = (await engine.container(container, signal))?.labels ?? {};
  const place = [Label.environment, Label.stage];
  return Object.fromEntries(Object.entries(labels).filter(([name]) => place.some((label) => label === name)));
}

/** Tries, where somebody takes the container away each time. */
const tries = 3;

/**
 * The program out of an image, through a container that is never started. Its labels are those of a task that has ended:
 * should we be killed before it is gone, the next deployment, and `down`, clear it away.
 */
async function takeBusybox(
  engine: Engine,
  reference: string,
  place: Labels,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const id = await engine.createContainer(busyboxSpec(reference, place), signal);
    try {
      const content = await engine.readFile(id, "/bin/busybox", signal);
      if (content !== undefined) return content;
      // A deployment that is under way cannot know that it is not left over.
      if (attempt === tries || (await engine.container(id, signal)))
        throw new Error(`${reference} has no /bin/busybox`);
    } finally {
      await engine.removeContainer(id);
    }
  }
}

function busyboxSpec(image: string, place: Labels): ContainerSpec {
  return {
    name: `envctl-busybox-${Math.random().toString(36).slice(2, 10)}`,
    image,
    command: ["true"],
    entrypoint: undefined,
    user: undefined,
    env: {},
    labels: { ...place, [Label.role]: "task", [Label.workload]: "busybox" },
    ports: [],
    mounts: [],
    network: "none",
    aliases: [],
    stopSignal: undefined,
    stopGrace: 0,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "no",
  };
}

function readOnly(engine: Engine, container: string): EnvctlError {
  return new EnvctlError({
    code: "sync-impossible",
    exitCode: ExitCode.failed,
    what: "files cannot be synced into a container whose root file system is read-only",
    where: `${engine.name}, container ${container.slice(0, 12)}`,
    state: "every change makes a rebuild",
  });
}

function impossible(engine: Engine, container: string, lacks: string, cause: unknown, next?: string): EnvctlError {
  return new EnvctlError({
    code: "sync-impossible",
    exitCode: ExitCode.failed,
    what: `the image lacks ${lacks}, and busybox could not be put into its container: ${messageOf(cause)}`,
    where: `${engine.name}, container ${container.slice(0, 12)}`,
    state: "every change makes a rebuild",
    next,
    cause,
  });
}
