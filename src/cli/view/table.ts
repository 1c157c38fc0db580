import { cleanLine } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { displayWidth, shorten } from "./width.ts";

/** A cell: plain text, or text with a colour. */
export type Cell = string | { readonly text: string; readonly style: Parameters<Paint>[0] };

const narrowest = 6;

/**
 * Columns as wide as their widest cell; where the terminal is too narrow, the widest column gives way, and last of all the
 * `firm` ones, of which a part says nothing.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
  width: number,
  firm: readonly number[] = [],
): string {
  const texts = [head, ...rows.map((row) => row.map(textOf))];
  const widths = head.map((_, column) => Math.max(...texts.map((row) => displayWidth(row[column] ?? ""))));
  const gaps = 2 * (head.length - 1);
  while (sum(widths) + gaps > width) {
    const soft = Math.max(...widths.filter((_, column) => !firm.includes(column)));
    const size = soft > narrowest ? soft : Math.max(...widths);
    if (size <= narrowest) break;
    const widest = widths.findIndex((one, column) => one === size && (size !== soft || !firm.includes(column)));
    widths[widest] = size - 1;
  }
  const line = (cells: readonly Cell[], style?: Parameters<Paint>[0]) =>
    cells
      .map((cell, column) => {
        const size = widths[column] ?? 0;
        const text = shorten(textOf(cell), size);
        const padding = column === cells.length - 1 ? "" : " ".repeat(size - displayWidth(text));
        const colour = style ?? (typeof cell === "string" ? undefined : cell.style);
        return (colour === undefined ? text : paint(colour, text)) + padding;
      })
      .join("  ")
      .trimEnd();
  return [line(head, "dim"), ...rows.map((row) => line(row))].join("\n");
}

/** A row is one line, whatever is in it: a reason may have been given in several. */
function textOf(cell: Cell): string {
  return cleanLine(typeof cell === "string" ? cell : cell.text);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
