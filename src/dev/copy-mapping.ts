import { posix } from "node:path";
import { matchesPath, type PathPattern, parsePathPattern } from "../base/path-pattern.ts";
import type { PathKind } from "./verdict.ts";

/** A COPY or ADD with all its words worked out. */
export interface CopyPlan {
  /** True for ADD, which unpacks local archives. */
  readonly unpacks: boolean;
  /** Relative to the context (or to the root of the stage it copies from), cleaned; empty for all of it. */
  readonly sources: readonly CopySource[];
  /** Absolute. */
  readonly target: string;
  /** Whether the target is a folder that files are put into; undefined where only the base image could tell. */
  readonly intoFolder: boolean | undefined;
  readonly parents: boolean;
  readonly exclude: readonly PathPattern[];
}

export interface CopySource {
  readonly path: string;
  /** With wildcards: how older builders read it, and newer ones with `--parents`. */
  readonly pattern: { readonly single: PathPattern; readonly double: PathPattern } | undefined;
  /** What `--parents` does not repeat: the part before `/./`. */
  readonly pivot: string;
}

/** Where one path goes. */
export type Mapping =
  | { readonly kind: "not" }
  /**
   * The places, each with the number of the source that has the last word there. Empty for a folder that is a source itself:
   * only what is in it is copied.
   */
  | { readonly kind: "to"; readonly places: ReadonlyMap<string, number> }
  | { readonly kind: "unclear"; readonly why: string };

const archive = /\.(?:tar|tgz|tbz2?|txz|tzst|tar\.(?:gz|bz2|xz|zst|lzma|Z))$/i;

/** Undefined for a source with a pattern that no builder would take. */
export function copySource(text: string): CopySource | undefined {
  const [before = "", ...after] = text.split("/./");
  const pivot = after.length > 0 ? clean(before) : "";
  const path = clean(text);
  if (!/[*?[\\]/.test(path)) return { path, pattern: undefined, pivot };
  const double = parsePathPattern(path);
  const single = parsePathPattern(path.replace(/\*{2,}/g, "*"));
  return double && single && { path, pattern: { single, double }, pivot };
}

function clean(text: string): string {
  return posix.normalize(`/${text}`).replace(/^\/+|\/+$/g, "");
}

/** Where this instruction puts a path; `path` has no slash at its start. */
export function mapCopy(plan: CopyPlan, path: string, kind: PathKind): Mapping {
  const places = new Map<string, number>();
  let found = false;
  for (const [number, source] of plan.sources.entries()) {
    const match = matchSource(source, path, plan.parents);
    if (match.kind === "not") continue;
    if (match.kind === "unclear") return match;
    const excluded = isExcluded(plan.exclude, path, match.rest);
    if (excluded === "perhaps") return { kind: "unclear", why: "whether `--exclude` leaves it out is not clear" };
    if (excluded === "yes") continue;
    const place = placeOf(plan, source, { path, kind, rest: match.rest });
    if (place.kind === "unclear") return place;
    found = true;
    if (place.path !== undefined) places.set(place.path, number);
  }
  return found ? { kind: "to", places } : { kind: "not" };
}

export type SourceMatch =
  | { readonly kind: "not" }
  | { readonly kind: "unclear"; readonly why: string }
  /** `rest`: the path below what the source names; empty where it names the path itself. */
  | { readonly kind: "match"; readonly rest: string };

export function matchSource(source: CopySource, path: string, parents: boolean): SourceMatch {
  if (!source.pattern) {
    if (source.path === "") return { kind: "match", rest: path };
    if (path === source.path) return { kind: "match", rest: "" };
    return path.startsWith(`${source.path}/`)
      ? { kind: "match", rest: path.slice(source.path.length + 1) }
      : { kind: "not" };
  }
  const single = matchedPrefix(source.pattern.single, path);
  const double = matchedPrefix(source.pattern.double, path);
  if (single !== double && !parents) {
    return { kind: "unclear", why: "builders do not agree on what `**` means here" };
  }
  const prefix = parents ? double : single;
  return prefix === undefined ? { kind: "not" } : { kind: "match", rest: path.slice(prefix.length + 1) };
}

/** The shortest beginning of the path, in whole names, that the pattern matches: a folder is not looked into any more. */
function matchedPrefix(pattern: PathPattern, path: string): string | undefined {
  const names = path.split("/");
  const count = names.findIndex((_, index) => pattern.older.test(names.slice(0, index + 1).join("/")));
  return count < 0 ? undefined : names.slice(0, count + 1).join("/");
}

/** Patterns may be meant from the root of the context or from the source: where both agree, it is clear. */
function isExcluded(patterns: readonly PathPattern[], path: string, rest: string): "yes" | "no" | "perhaps" {
  const fromRoot = patterns.some((pattern) => matchesPath(pattern, path));
  const fromSource = rest === "" ? fromRoot : patterns.some((pattern) => matchesPath(pattern, rest));
  return fromRoot === fromSource ? (fromRoot ? "yes" : "no") : "perhaps";
}

type Place =
  /** Undefined for a folder that is the source itself. */
  { readonly kind: "at"; readonly path: string | undefined } | Extract<Mapping, { kind: "unclear" }>;

function placeOf(
  plan: CopyPlan,
  source: CopySource,
  match: { readonly path: string; readonly kind: PathKind; readonly rest: string },
): Place {
  const { path, kind, rest } = match;
  const at = (...names: string[]): Place => ({ kind: "at", path: posix.join(plan.target, ...names) });
  if (rest === "" && kind === "symlink") return { kind: "unclear", why: "it is a link, and the builder follows it" };
  if (plan.parents) {
    return at(source.pivot === "" ? path : path.slice(source.pivot.length + 1));
  }
  if (rest !== "") return at(rest);
  if (kind === "directory") return { kind: "at", path: undefined };
  if (plan.unpacks && archive.test(path)) return { kind: "unclear", why: "ADD unpacks it" };
  const name = posix.basename(path);
  const folder = plan.intoFolder ?? looksLikeFolder(plan.target, name);
  if (folder === undefined) {
    return {
      kind: "unclear",
      why: `whether ${plan.target} is a folder, only the image tells; a slash behind it would say so`,
    };
  }
  return folder ? at(name) : at();
}

/** A target of the file's own name, or with its extension, is a file: no base image has such folders. */
function looksLikeFolder(target: string, name: string): boolean | undefined {
  const extension = posix.extname(name);
  if (posix.basename(target) === name) return false;
  return extension !== "" && posix.extname(target) === extension ? false : undefined;
}
