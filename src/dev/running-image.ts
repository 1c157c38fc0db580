import { digestOf } from "../base/digest.ts";
import type { Tree } from "../build/tree.ts";
import type { ObservedImage } from "../engine/engine.ts";
import type { Environment, Stage } from "../environment/model.ts";
import { canonicalJson } from "../plan/desired.ts";
import type { Release } from "../release/release.ts";

/** The release that serves, and what it was made of and deployed with. */
export interface RunningImage {
  readonly release: Release;
  readonly tree: Tree;
  /** As `inputsOf` has them for the moment at which it was made. */
  readonly inputs: readonly string[];
  readonly observed: ObservedImage | undefined;
}

/** Hashes of all but the files of the build context that an image, and the way it runs, depend on; that of the Dockerfile first. */
export function inputsOf(environment: Environment, stage: Stage, texts: readonly string[]): readonly string[] {
  const { image, tasks, dev } = environment;
  // What a sync does is no reason to deploy.
  const { sync, rules, reload, ...overrides } = dev;
  return [...texts, canonicalJson({ image, tasks, stage, overrides })].map(digestOf);
}

const shown = 5;

/** Why what serves cannot be brought up to date by syncing, for people: the paths that differ, or what else does. */
export function differencesOf(
  image: RunningImage | undefined,
  now: { readonly tree: Tree; readonly inputs: readonly string[] },
  needsRebuild: (path: string) => string | undefined,
): readonly string[] {
  if (!image) return ["what runs is not known yet to be of these sources"];
  const paths = new Set([...image.tree.keys(), ...now.tree.keys()]);
  const reasons: string[] = [];
  for (const path of [...paths].sort()) {
    const [was, is] = [image.tree.get(path), now.tree.get(path)];
    if (was === is || JSON.stringify(was) === JSON.stringify(is)) continue;
    const why = needsRebuild(path);
    if (why !== undefined) reasons.push(`${path}: ${why}`);
  }
  const names = ["the Dockerfile", "the ignore file", "the settings"];
  for (const [index, text] of now.inputs.entries()) {
    const name = names[index];
    if (name !== undefined && text !== image.inputs[index] && reasons.length === 0) reasons.push(`${name} changed`);
  }
  const more = reasons.length - shown;
  return more > 0 ? [...reasons.slice(0, shown), `and ${more} more`] : reasons;
}
