import { formatRepository, type ImageReference, parseImageReference } from "../base/reference.ts";
import { askHost, within } from "../promotion/ask-host.ts";
import { readImageConfig } from "../registry/image-config.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The instructions that each of these images, as FROM names them, adds to what is made of it; unknown ones are left out. */
export type ReadTriggers = (names: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;

/** Milliseconds for the engine, and for the registry: who starts the loop waits for it. */
const patience = 2_000;

type Triggers = readonly string[] | undefined;

/**
 * Asks the engine that builds, which may have the image by the next time, then the image's registry, once: where that is out
 * of reach, nobody should wait for it again with every build.
 */
export function baseImages(workspace: Workspace): ReadTriggers {
  const known = new Map<string, readonly string[]>();
  const asked = new Map<string, Promise<Triggers>>();
  const askRegistry = (name: string, image: ImageReference) => {
    const answer = asked.get(name) ?? ofRegistry(workspace, image);
    asked.set(name, answer);
    return answer;
  };
  return async (names) => {
    const unknown = [...new Set(names)].filter((name) => !known.has(name));
    await Promise.all(
      unknown.map(async (name) => {
        const image = parseImageReference(name);
        const found = image && ((await ofEngine(workspace, image)) ?? (await askRegistry(name, image)));
        if (found) known.set(name, found);
      }),
    );
    return known;
  };
}

async function ofEngine(workspace: Workspace, image: ImageReference): Promise<Triggers> {
  const reference = `${formatRepository(image)}${image.digest ? `@${image.digest}` : `:${image.tag ?? "latest"}`}`;
  const asked = await askHost(workspace, { kind: "local", name: "local" }, patience, (engine, signal) =>
    engine.image(reference, signal),
  );
  return "answer" in asked ? asked.answer?.onBuild : undefined;
}

async function ofRegistry(workspace: Workspace, image: ImageReference): Promise<Triggers> {
  const { environment, connections, signal } = workspace;
  const platform = environment.image.platforms[0] ?? `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
  try {
    const { registry, path } = await connections.repository(image);
    const reference = image.digest ?? image.tag ?? "latest";
    const config = await readImageConfig(registry, path, reference, platform, within(workspace, patience));
    const { OnBuild: triggers } = config ?? {};
    if (config === undefined) return undefined;
    return Array.isArray(triggers) ? triggers.filter((trigger) => typeof trigger === "string") : [];
  } catch {
    signal.throwIfAborted();
    // Out of reach, or behind a mirror that only the engine knows: the rules say so where it matters.
    return undefined;
  }
}
