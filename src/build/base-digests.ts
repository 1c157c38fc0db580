import { type Digest, isDigest } from "../base/digest.ts";
import { formatRepository, type ImageReference } from "../base/reference.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";
import { credentialsFor } from "../registry/credentials.ts";
import type { BaseImage } from "./base-images.ts";

/** How long a registry may take to tell a digest; a build must not wait for a name. Milliseconds. */
const patience = 5_000;

/** A base image, and the digest that it had in this build, as far as anybody tells. */
export interface ResolvedBase extends BaseImage {
  readonly digest: Digest | undefined;
  /** Who told: the Dockerfile pins it, the builder said what it took, the engine has it, or a registry was asked meanwhile. */
  readonly toldBy: "dockerfile" | "builder" | "engine" | "registry" | undefined;
}

interface Lookup {
  /** The engine that builds. */
  readonly engine: Engine;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** `registry/path:tag`: by this a builder names what it took. */
export function taggedName(image: ImageReference): string {
  return `${formatRepository(image)}:${image.tag ?? "latest"}`;
}

/** Asks the registries, side by side with the build; undefined for those that do not tell in time. */
export async function askRegistries(
  bases: readonly BaseImage[],
  { engine, variables, signal }: Lookup,
): Promise<ReadonlyMap<string, Digest>> {
  const limit = AbortSignal.any([signal, timeLimit(patience)]);
  const ask = async (image: ImageReference): Promise<[string, Digest] | undefined> => {
    const name = taggedName(image);
    try {
      const found = await credentialsFor(image.registry, variables);
      const credentials = found && { username: found.username, password: found.password, registry: image.registry };
      return [name, await engine.resolveDigest(name, credentials, limit)];
    } catch {
      // Whatever is the matter: the digest is not known then, and the provenance does not name one.
      return undefined;
    }
  };
  const open = bases.flatMap(({ image }) => (image && image.digest === undefined ? [image] : []));
  return new Map((await Promise.all(open.map(ask))).filter((pair) => pair !== undefined));
}

/**
 * What is known once the build is done. What the builder said goes first. An image that the engine had is the one it took,
 * whatever its registry says by now; one that was made on that engine has no digest in any registry.
 */
export async function resolveBases(
  bases: readonly BaseImage[],
  told: { readonly builder: ReadonlyMap<string, Digest>; readonly registries: ReadonlyMap<string, Digest> },
  { engine, signal }: Lookup,
): Promise<ResolvedBase[]> {
  return await Promise.all(
    bases.map(async (base): Promise<ResolvedBase> => {
      const { image } = base;
      if (!image) return { ...base, digest: undefined, toldBy: undefined };
      if (image.digest) return { ...base, digest: image.digest, toldBy: "dockerfile" };
      const name = taggedName(image);
      const said = told.builder.get(name);
      if (said) return { ...base, digest: said, toldBy: "builder" };
      const local = await engine.image(name, signal).catch(() => undefined);
      if (local) {
        const digest = digestIn(local.repoDigests, image);
        return { ...base, digest, toldBy: digest && "engine" };
      }
      const digest = told.registries.get(name);
      return { ...base, digest, toldBy: digest && "registry" };
    }),
  );
}

/** Engines leave `docker.io/library/` out of the names of repositories. */
function digestIn(repoDigests: readonly string[], image: ImageReference): Digest | undefined {
  const full = formatRepository(image);
  const names = [full, full.replace(/^docker\.io\/(?:library\/)?/, "")];
  for (const text of repoDigests) {
    const [name = "", digest = ""] = text.split("@");
    if (names.includes(name) && isDigest(digest)) return digest;
  }
  return undefined;
}
