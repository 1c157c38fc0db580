import { isZone } from "../base/zoned-time.ts";
import type { FreezeDocument } from "./document.ts";
import type { Freeze } from "./gates.ts";
import type { Path } from "./problems.ts";
import type { Reading } from "./read-values.ts";
import { noZone } from "./read-window.ts";

const day = 86_400_000;

/** Times in which nothing is promoted. */
export function readFreezes(reading: Reading, path: Path, documents: readonly FreezeDocument[] = []): Freeze[] {
  return documents.flatMap((document, index): Freeze[] => {
    const at = [...path, index];
    const from = readLocal(reading, [...at, "from"], document.from);
    const to = readLocal(reading, [...at, "to"], document.to);
    if (!isZone(document.zone)) {
      const { wrong, hint } = noZone(document.zone);
      reading.problems.error([...at, "zone"], wrong, hint);
      return [];
    }
    if (!from || !to) return [];
    // A day alone is frozen to its end.
    const end = to.whole ? to.local + day : to.local;
    if (end <= from.local) {
      reading.problems.error(
        [...at, "to"],
        "the freeze ends before it begins",
        "are `from` and `to` the right way round?",
      );
      return [];
    }
    return [{ from: from.local, to: end, zone: document.zone, reason: document.reason ?? "" }];
  });
}

function readLocal(
  reading: Reading,
  path: Path,
  text: string,
): { readonly local: number; readonly whole: boolean } | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}))?$/.exec(text.trim());
  const time = match?.[2] ?? "00:00";
  const written = `${match?.[1]}T${time}`;
  const local = Date.parse(`${written}:00Z`);
  // Date.parse takes the 30th of February for the 2nd of March.
  if (match && Number.isFinite(local) && new Date(local).toISOString().startsWith(written)) {
    return { local, whole: match[2] === undefined };
  }
  const offset = /^\d{4}-\d{2}-\d{2}[T ].*(?:Z|[+-]\d{2}:?\d{2})$/.test(text.trim());
  reading.problems.error(
    path,
    `"${text}" is no ${match ? "day that there is" : "date"}`,
    offset ? "leave the offset away: `zone` says whose clock it is" : "such as 2026-12-20, or 2026-12-20T18:00",
  );
  return undefined;
}
