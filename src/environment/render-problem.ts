import { basename } from "node:path";
import type { Problem } from "./model.ts";
import type { Source } from "./source.ts";

/** How much of a line is shown. */
const lineLimit = 160;

/** `envctl.yaml:3:7: what is wrong`, the line itself, a caret under the place, and the hint. */
export function renderProblem(problem: Problem, source: Source): string[] {
  const { line, column } = problem.position;
  const text = source.line(line).replace(/\t/g, " ");
  const characters = [...text];
  const from = Math.max(0, column - 1 - Math.floor(lineLimit / 2));
  const shown = characters.slice(from, from + lineLimit).join("");
  const before = " ".repeat(Math.max(0, column - 1 - from));
  const carets = "^".repeat(Math.max(1, Math.min(problem.length, characters.length - column + 1, lineLimit)));
  const label = problem.severity === "warning" ? "warning: " : "";
  return [
    `${basename(problem.position.file)}:${line}:${column}: ${label}${problem.message}`,
    `  ${shown}`,
    `  ${before}${carets}`,
    ...(problem.hint === undefined ? [] : [`  ${problem.hint}`]),
  ];
}
