import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type BuildContext, listContext } from "../build/context.ts";
import type { ObservedImage } from "../engine/engine.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { ReadTriggers } from "./base-images.ts";
import { applyMode } from "./mode.ts";
import { compareLayers } from "./placement.ts";
import { linksOf, readSyncRules } from "./read-sync-rules.ts";
import type { SyncRules } from "./sync-rules.ts";
import type { PathKind, SyncTarget, Verdict } from "./verdict.ts";

/** What a change of one path would do, and why. */
export interface Explanation {
  /** Relative to the build context; as it was typed where it is outside. */
  readonly path: string;
  /** What is there now. */
  readonly kind: PathKind | "missing";
  readonly action: "sync" | "sync+restart" | "rebuild" | "ignore";
  readonly why: string;
  /** `Dockerfile:12`, or the rule's place. */
  readonly at: string | undefined;
  readonly targets: readonly ExplainedTarget[];
  /** Commands that run in the container after the sync. */
  readonly run: readonly (readonly string[])[];
  /** Why the container's process is restarted, or is not; undefined where nothing is synced. */
  readonly restart: string | undefined;
  /** For a folder: how many of its files each action is for. */
  readonly contents: Readonly<Record<string, number>> | undefined;
  readonly notes: readonly string[];
}

interface ExplainedTarget {
  readonly path: string;
  /** `0:0`, or as COPY or chown name it. */
  readonly owner: string;
  /** Octal; undefined where nothing is there now. */
  readonly mode: string | undefined;
}

export interface ExplainInput {
  readonly environment: Environment;
  readonly stage: Stage;
  /** As typed, relative to `directory`. */
  readonly path: string;
  readonly directory: string;
  /** Asks an engine for the image that was built last; called only where the Dockerfile does not tell all. */
  readonly findBuilt: () => Promise<ObservedImage | undefined>;
  readonly readTriggers: ReadTriggers;
  readonly signal?: AbortSignal | undefined;
}

/** Throws what `listContext` throws: `context-missing`, `dockerfile-missing`, `dockerignore-invalid`. */
export async function explain(input: ExplainInput): Promise<Explanation> {
  const { environment, stage, readTriggers, signal } = input;
  const context = await listContext(environment.image, signal);
  const links = linksOf(context.entries);
  const notes: string[] = [];
  let rules = await readSyncRules(environment, stage, { built: undefined, links, readTriggers });
  if (!rules.complete) {
    const built = await input.findBuilt();
    if (built) rules = await readSyncRules(environment, stage, { built, links, readTriggers });
    else notes.push("no image of it was found: what only the base image tells (WORKDIR, command) is not known yet");
  }
  const place = await locate(context, resolve(input.directory, input.path), environment);
  if ("outside" in place) return outside(input.path, place.outside, notes);
  const verdict = rules.judge(place.path, place.kind === "missing" ? "file" : place.kind);
  if (place.kind === "missing") notes.push("nothing is there now: this is what happens when a file comes or goes");
  notes.push(...rivals(context, rules, place.path, verdict));
  return {
    path: place.path,
    kind: place.kind,
    action: actionOf(verdict),
    why: verdict.why,
    at: verdict.action === "ignore" ? undefined : verdict.at,
    targets: verdict.action === "sync" ? verdict.targets.map((target) => explainTarget(target, place.mode)) : [],
    run: verdict.action === "sync" ? verdict.run : [],
    restart: verdict.action === "sync" ? restartWords(rules, verdict.restart, verdict.run.length > 0) : undefined,
    contents: place.kind === "directory" ? count(context, rules, place.path) : undefined,
    notes,
  };
}

type Place =
  | { readonly path: string; readonly kind: Explanation["kind"]; readonly mode: number | undefined }
  | { readonly outside: Pick<Explanation, "action" | "why"> };

async function locate(context: BuildContext, absolute: string, environment: Environment): Promise<Place> {
  // Links on the way to it do not count: what they lead to is what the builder sees.
  const folder = await realpath(dirname(absolute)).catch(() => dirname(absolute));
  const real = absolute === context.root ? absolute : join(folder, basename(absolute));
  const stats = await lstat(real).catch(() => undefined);
  const kind = !stats ? "missing" : stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "symlink" : "file";
  const path = relative(context.root, real);
  if (real === (await realpath(environment.image.dockerfile))) {
    return { outside: { action: "rebuild", why: "it is the Dockerfile" } };
  }
  if (real === context.ignoreFile) {
    return { outside: { action: "rebuild", why: "it says what belongs to the build context" } };
  }
  if (path === ".." || path.startsWith("../")) {
    const isRead = [environment.file, join(environment.directory, ".env"), ...environment.envFiles].includes(real);
    const why = isRead
      ? "it is no part of the build context, but envctl dev reads it again when it changes"
      : `it is outside of the build context ${context.root}: no image has it`;
    return { outside: { action: "ignore", why } };
  }
  return { path, kind, mode: stats && stats.mode & 0o7777 };
}

function outside(path: string, found: Pick<Explanation, "action" | "why">, notes: readonly string[]): Explanation {
  const nothing = { at: undefined, targets: [], run: [], restart: undefined, contents: undefined };
  return { path, kind: "file", ...found, ...nothing, notes };
}

function actionOf(verdict: Verdict): Explanation["action"] {
  return verdict.action === "sync" && verdict.restart ? "sync+restart" : verdict.action;
}

function explainTarget({ path, owner, mode }: SyncTarget, local: number | undefined): ExplainedTarget {
  const fixed = local === undefined ? undefined : applyMode(mode, local);
  return {
    path,
    owner: owner ? `${owner.user}:${owner.group ?? "its own group"}` : "0:0",
    mode: fixed?.toString(8).padStart(4, "0"),
  };
}

function restartWords({ program }: SyncRules, restart: boolean, commands: boolean): string {
  const first = commands ? "once the commands have run, " : "";
  if (restart) return `${first}the container's process starts anew: \`${program.text}\` reads its files when it starts`;
  switch (program.kind) {
    case "reloads":
      return `no restart: \`${program.text}\` looks at its files itself`;
    case "serves":
      return `no restart: \`${program.text}\` hands out files as they are`;
    case "restarts":
      return "no restart: a rule says so";
  }
}

/** Another file that the image has in its place. */
function rivals(context: BuildContext, rules: SyncRules, path: string, verdict: Verdict): string[] {
  if (verdict.action !== "sync") return [];
  return context.entries.flatMap((entry) => {
    const other = entry.path === path ? undefined : rules.judge(entry.path, entry.kind);
    if (other?.action !== "sync" || entry.kind === "directory") return [];
    return verdict.targets.flatMap((target) => {
      const rival = other.targets.find(
        (candidate) => candidate.path === target.path && compareLayers(candidate.layer, target.layer) > 0,
      );
      return rival ? [`${entry.path} takes its place at ${target.path}: a change does nothing there`] : [];
    });
  });
}

function count(context: BuildContext, rules: SyncRules, folder: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { path, kind } of context.entries) {
    if (kind === "directory" || (folder !== "" && !path.startsWith(`${folder}/`))) continue;
    const action = actionOf(rules.judge(path, kind));
    counts[action] = (counts[action] ?? 0) + 1;
  }
  return counts;
}
