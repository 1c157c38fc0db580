import { excluded } from "./cells.ts";
import { type CellResult, faults } from "./model.ts";

const columns = ["STEP", "HOST", "FAULT", "EXIT", "DURING", "AFTER", "FAILED", "AWAY", "AGAIN", "TOOK", "ERROR"];
/** Characters of an error that are shown. */
const longestError = 90;

/** What was found, a line a cell; below it what does not pass, what the faults are, and what makes no sense. */
export function formatTable(results: readonly CellResult[]): string {
  const rows = results.map(row);
  const widths = columns.map((title, at) => Math.max(title.length, ...rows.map((cells) => (cells[at] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  const used = [...new Set(results.map(({ cell }) => cell.fault))];
  return [
    line(columns),
    ...results.flatMap((result, at) => [line(rows[at] ?? []), ...result.problems.map((problem) => `    ✗ ${problem}`)]),
    "",
    "DURING and AFTER: what the first and the second host served. FAILED: requests lost while their host was up; AWAY: while",
    "it was cut off or its engine had crashed, until it served again by itself. AGAIN: exit code of the same command, run",
    "again; every host then holds what an undisturbed run leaves, nothing more, and status says ok.",
    "",
    ...used.map((fault) => `${fault}: ${faults[fault]}`),
    "",
    "Cells that make no sense:",
    ...excluded.map(({ fault, steps, why }) => `  ${fault} × ${steps}: ${why}`),
    "",
    closingLine(results),
  ].join("\n");
}

export function closingLine(results: readonly CellResult[]): string {
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  return `${results.length - failed} passed, ${failed} failed`;
}

function row({ cell, exitCode, error, during, after, failed, away, again, took }: CellResult): string[] {
  const text = error ?? "";
  return [
    `${cell.step}${cell.late > 0 ? ` +${cell.late}ms` : ""}`,
    String(cell.host + 1),
    cell.fault,
    exitCode === null ? "killed" : String(exitCode),
    during.join(" | "),
    after.join(" | "),
    String(failed),
    String(away),
    String(again ?? "killed"),
    `${(took / 1000).toFixed(1)}s`,
    text.length > longestError ? `${text.slice(0, longestError - 1)}…` : text,
  ];
}
