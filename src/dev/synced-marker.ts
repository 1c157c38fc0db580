import type { Engine } from "../engine/engine.ts";

/** What a container says of itself: it is not what its image holds. */
export interface SyncedMarker {
  /** Container paths that differ from the image, or may: sorted. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export const markerPath = "/.envctl/synced.json";

/** Undefined where nothing was ever synced into the container, or all of it was put back. One request. */
export async function readSyncedMarker(
  engine: Engine,
  container: string,
  signal?: AbortSignal,
): Promise<SyncedMarker | undefined> {
  const content = await engine.readFile(container, markerPath, signal);
  return content && parseMarker(Buffer.from(content).toString("utf8"));
}

export function formatMarker({ changed, removed }: SyncedMarker): string {
  return `${JSON.stringify({ changed: [...changed].sort(), removed: [...removed].sort() })}\n`;
}

/** A marker that cannot be read still says that files were synced. */
function parseMarker(text: string): SyncedMarker | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { changed: [markerPath], removed: [] };
  }
  const strings = (name: string): readonly string[] => {
    const list = (value as Record<string, unknown> | null)?.[name];
    return Array.isArray(list) ? list.filter((path) => typeof path === "string") : [];
  };
  const marker = { changed: strings("changed"), removed: strings("removed") };
  return marker.changed.length + marker.removed.length > 0 ? marker : undefined;
}

/** What either of them names. */
export function unionMarkers(left: SyncedMarker, right: SyncedMarker): SyncedMarker {
  const merge = (a: readonly string[], b: readonly string[]) =>
    a.length === 0 ? b : [...new Set([...a, ...b])].sort();
  return { changed: merge(left.changed, right.changed), removed: merge(left.removed, right.removed) };
}

/** Both sorted. */
export function sameMarker(left: SyncedMarker, right: SyncedMarker): boolean {
  const same = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((path, index) => path === b[index]);
  return same(left.changed, right.changed) && same(left.removed, right.removed);
}
