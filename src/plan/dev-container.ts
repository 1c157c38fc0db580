import { Label, type ObservedContainer } from "../engine/engine.ts";
import type { ObservedHost, SyncedFiles } from "./observed.ts";

/** In what a container that `envctl dev` made differs from its release. */
export interface DevDifference extends SyncedFiles {
  /** `command, env DEBUG, ports 9229`; empty for none. */
  readonly overrides: string;
}

/** Whether `envctl dev` made this container: files may be synced into it at any time. */
export function isDevContainer(container: Pick<ObservedContainer, "labels">): boolean {
  return container.labels[Label.dev] !== undefined;
}

/** Undefined for a container of a release, as it was built and configured. */
export function devDifference(
  host: Pick<ObservedHost, "synced">,
  container: Pick<ObservedContainer, "id" | "labels">,
): DevDifference | undefined {
  const overrides = container.labels[Label.dev];
  if (overrides === undefined) return undefined;
  return { overrides, ...(host.synced.get(container.id) ?? { changed: [], removed: [] }) };
}

/** Whether it runs something else than its release. */
export function differsFromRelease({ overrides, changed, removed }: DevDifference): boolean {
  return overrides !== "" || changed.length + removed.length > 0;
}

/** `dev: command, env DEBUG + 3 changed files`. */
export function describeDev({ overrides, changed, removed }: DevDifference): string {
  const count = changed.length + removed.length;
  const files = count === 0 ? "" : ` + ${count} changed file${count === 1 ? "" : "s"}`;
  return `dev${overrides === "" ? "" : `: ${overrides}`}${files}`;
}

/** The first few of the files, for people. */
export function nameFiles({ changed, removed }: SyncedFiles): string[] {
  const all = [...changed, ...removed.map((path) => `${path} (removed)`)];
  const shown = all.slice(0, 5);
  return all.length > shown.length ? [...shown, `and ${all.length - shown.length} more`] : shown;
}
