import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { relative } from "node:path";
import { type Digest, digestOf } from "../base/digest.ts";
import { userName } from "../base/user.ts";
import type { Engine } from "../engine/engine.ts";
import { maskEnv } from "../environment/mask.ts";
import type { Environment } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { askRegistries, type ResolvedBase, resolveBases } from "./base-digests.ts";
import { baseImages } from "./base-images.ts";
import type { Builder } from "./builder.ts";
import type { GitState } from "./git.ts";

/** What only whoever builds can say of a build: its provenance is made of it. Holds no secret values. */
export interface BuildFacts {
  /** One build, and no other. */
  readonly invocation: string;
  readonly builder: { readonly kind: Builder["kind"]; readonly version: string };
  /** `user@machine`. */
  readonly by: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly release: string;
  readonly fingerprint: string;
  /** Built even though the same inputs had been built before, without the builder's cache. */
  readonly forced: boolean;
  readonly git: {
    readonly commit: string | undefined;
    readonly dirty: boolean;
    readonly branch: string | undefined;
    readonly source: string | undefined;
  };
  /** What the environment file says of the image. */
  readonly definition: BuildDefinition;
  readonly dockerfileDigest: Digest;
  readonly bases: readonly ResolvedBase[];
}

interface BuildDefinition {
  readonly repository: string;
  /** Relative to the folder of the environment file. */
  readonly context: string;
  readonly dockerfile: string;
  readonly target: string | undefined;
  /** Values that look secret are masked. */
  readonly args: Readonly<Record<string, string>>;
  /** Names alone. */
  readonly secrets: readonly string[];
  readonly platforms: readonly string[];
}

interface Occasion {
  /** The engine that builds. */
  readonly engine: Engine;
  readonly builder: Builder;
  readonly intent: { readonly name: string; readonly fingerprint: string; readonly git: GitState };
  readonly forced: boolean;
}

/**
 * Call it when the build begins: registries are asked meanwhile. Resolves with what is to be called when it has ended, with
 * the digests that the builder named.
 */
export async function beginFacts(
  workspace: Workspace,
  { engine, builder, intent, forced }: Occasion,
): Promise<(named: ReadonlyMap<string, Digest>) => Promise<BuildFacts>> {
  const { environment, clock, variables, signal } = workspace;
  const { image } = environment;
  const startedAt = clock.now().toISOString();
  const dockerfile = await readFile(image.dockerfile, "utf8");
  const bases = baseImages(dockerfile, image);
  const lookup = { engine, variables, signal };
  const asking = askRegistries(bases, lookup);
  return async (named) => {
    const finishedAt = clock.now().toISOString();
    const { commit, dirty, branch, source } = intent.git;
    return {
      invocation: randomUUID(),
      builder: { kind: builder.kind, version: builder.version },
      by: `${userName()}@${hostname()}`,
      startedAt,
      finishedAt,
      release: intent.name,
      fingerprint: intent.fingerprint,
      forced,
      git: { commit, dirty, branch, source },
      definition: definitionOf(environment),
      dockerfileDigest: digestOf(dockerfile),
      bases: await resolveBases(bases, { builder: named, registries: await asking }, lookup),
    };
  };
}

function definitionOf({ image, directory }: Environment): BuildDefinition {
  const { registry, path, target, args, secrets, platforms } = image;
  const inFolder = (file: string) => relative(directory, file) || ".";
  return {
    repository: registry === undefined ? path : `${registry}/${path}`,
    context: inFolder(image.context),
    dockerfile: inFolder(image.dockerfile),
    target,
    args: maskEnv(args),
    secrets,
    platforms,
  };
}
