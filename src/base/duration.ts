/** A length of time in whole milliseconds. */
export type Duration = number & { readonly __unit: "milliseconds" };

const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y;

/** Reads `500ms`, `30s`, `1h30m`, `2d`. Returns undefined for anything else, a bare number included. */
export function parseDuration(text: string): Duration | undefined {
  let total = 0;
  part.lastIndex = 0;
  if (text === "") return undefined;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) return undefined;
    total += Number(match[1]) * (factors[match[2] ?? ""] ?? Number.NaN);
  }
  return Number.isSafeInteger(Math.round(total)) ? (Math.round(total) as Duration) : undefined;
}

export function milliseconds(value: number): Duration {
  return Math.round(value) as Duration;
}

/** For people: the two largest units, `350ms`, `4.2s`, `3m20s`, `2h5m`, `3d4h`. */
export function formatDuration(duration: number): string {
  if (duration < 1000) return `${Math.round(duration)}ms`;
  if (duration < 10_000) return `${(duration / 1000).toFixed(1).replace(/\.0$/, "")}s`;
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ];
  let rest = Math.round(duration / 1000) * 1000;
  const words: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count}${unit}`);
    if (words.length === 2) break;
  }
  return words.join("");
}
