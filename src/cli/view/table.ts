import { cleanLine } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { displayWidth, shorten } from "./width.ts";

/** A cell: plain text, or text with a colour. */
export type Cell = string | { readonly text: string; readonly style: Parameters<Paint>[0] };

/** A column is not cut to less than this where it may go to the next line instead: words are this long. */
const narrowest = 10;
const indent = 2;

/**
 * Columns as wide as their widest cell. Where the terminal is too narrow, long ones give way, but for the `firm` ones, of which
 * a part says nothing; where that is not enough, the last ones go to lines of their own below, and nothing is lost.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
  width: number,
  firm: readonly number[] = [],
): string {
  const texts = [head, ...rows.map((row) => row.map(textOf))];
  const natural = head.map((_, column) => Math.max(...texts.map((row) => displayWidth(row[column] ?? ""))));
  const widths = shrunk(natural, width, firm) ?? natural.map((size) => Math.max(1, Math.min(size, width - indent)));
  const parts = folded(widths, width);
  const line = (cells: readonly Cell[], style?: Parameters<Paint>[0]) =>
    parts.flatMap((columns, part) => {
      const text = columns
        .map((column) => {
          const cell = cells[column] ?? "";
          const size = widths[column] ?? 0;
          const shown = shorten(textOf(cell), size);
          const colour = style ?? (typeof cell === "string" ? undefined : cell.style);
          const padding = column === columns.at(-1) ? "" : " ".repeat(size - displayWidth(shown));
          return (colour === undefined ? shown : paint(colour, shown)) + padding;
        })
        .join("  ")
        .trimEnd();
      if (part === 0) return [text];
      return columns.every((column) => textOf(cells[column] ?? "") === "") ? [] : [`${" ".repeat(indent)}${text}`];
    });
  return [...line(head, "dim"), ...rows.flatMap((row) => line(row))].join("\n");
}

/** The widths with which all columns stand in one line; undefined where they would be cut too far for that. */
function shrunk(natural: readonly number[], width: number, firm: readonly number[]): number[] | undefined {
  const widths = [...natural];
  for (let over = lineWidth(widths) - width; over > 0; over -= 1) {
    const size = Math.max(...widths.filter((_, column) => !firm.includes(column)));
    if (size <= narrowest) return undefined;
    widths[widths.findIndex((one, column) => one === size && !firm.includes(column))] = size - 1;
  }
  return widths;
}

/** As many columns in each line as it has room for. */
function folded(widths: readonly number[], width: number): number[][] {
  const parts: number[][] = [[]];
  for (const column of widths.keys()) {
    const part = parts.at(-1) ?? [];
    const room = parts.length === 1 ? width : width - indent;
    if (part.length === 0 || lineWidth([...part, column].map((one) => widths[one] ?? 0)) <= room) part.push(column);
    else parts.push([column]);
  }
  return parts;
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((total, one) => total + one, 0) + 2 * (widths.length - 1);
}

/** A row is one line, whatever is in it: a reason may have been given in several. */
function textOf(cell: Cell): string {
  return cleanLine(typeof cell === "string" ? cell : cell.text);
}
