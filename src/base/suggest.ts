/** The shortest beginning of a word that is taken for the whole of it. */
const shortest = 3;

/**
 * The candidate nearest to what was typed; or the first that it begins with, or that begins with it (`prod` for `production`).
 * Undefined where none is near enough to be meant.
 */
export function didYouMean(typed: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(typed.length / 3));
  const word = typed.toLowerCase();
  let best: string | undefined;
  let bestDistance = limit + 1;
  let begun: string | undefined;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const distance = editDistance(word, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
    if (Math.min(word.length, other.length) < shortest) continue;
    if (word.startsWith(other) || other.startsWith(word)) begun ??= candidate;
  }
  return best ?? begun;
}

/** Optimal string alignment distance: a swap of two neighbours counts one. */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= left.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      let value = Math.min(
        (rows[row - 1]?.[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (rows[row - 1]?.[column - 1] ?? 0) + cost,
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) value = Math.min(value, (rows[row - 2]?.[column - 2] ?? 0) + 1);
      line.push(value);
    }
    rows.push(line);
  }
  return rows[left.length]?.[right.length] ?? 0;
}
