import { clean } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { renderTable } from "./table.ts";
import { beginning, displayWidth, shorten } from "./width.ts";

/** What two things have under one name. */
interface SidesRow {
  readonly what: string;
  readonly left: string;
  readonly right: string;
}

interface Room {
  readonly paint: Paint;
  /** Columns of the terminal. */
  readonly width: number;
}

/** Two columns side by side; where they do not fit whole, one under the other, and wrapped: nothing is cut off. */
export function renderSides(
  heading: string,
  names: { readonly left: string; readonly right: string },
  rows: readonly SidesRow[],
  { paint, width }: Room,
): string {
  const head = [heading, names.left, names.right].map((text) => text.toUpperCase());
  const columns = [head, ...rows.map(({ what, left, right }) => [what, left, right])];
  const widest = head.map((_, index) => Math.max(...columns.map((row) => displayWidth(row[index] ?? ""))));
  if (widest.reduce((sum, size) => sum + size, 4) <= width) {
    return renderTable(head, columns.slice(1), paint, width);
  }
  const size = Math.max(displayWidth(names.left), displayWidth(names.right));
  const side = (name: string, value: string) =>
    wrap(clean(value), width - size - 4).map((line, index) =>
      `  ${(index === 0 ? name : "").padEnd(size)}  ${line}`.trimEnd(),
    );
  return [
    paint("dim", shorten(heading.toUpperCase(), width)),
    ...rows.flatMap(({ what, left, right }) => [
      ...wrap(clean(what), width),
      ...side(names.left, left),
      ...side(names.right, right),
    ]),
  ].join("\n");
}

/** Lines of at most `width` columns, broken at blanks where there are any. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(10, width);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (displayWidth(longer) <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (displayWidth(line) > room) {
      const part = beginning(line, room);
      lines.push(part);
      line = line.slice(part.length);
    }
  }
  return [...lines, line];
}
