import type { JudgedGate } from "../../plan/gates/judged-gate.ts";
import { clean } from "./clean.ts";
import type { Paint } from "./paint.ts";

/** Each gate in a line, and below those that are closed what would open them. `passed` are those that are overridden. */
export function gateLines(
  gates: readonly JudgedGate[],
  paint: Paint,
  passed: (gate: JudgedGate) => boolean = () => false,
): string[] {
  const width = Math.max(...gates.map(({ gate }) => gate.length));
  return gates.flatMap((judged) => {
    const { gate, open, found, missing } = judged;
    const mark = open ? paint("green", "✓") : passed(judged) ? paint("yellow", "!") : paint("red", "✗");
    const indent = " ".repeat(width + 4);
    return [
      `${mark} ${gate.padEnd(width)}  ${clean(found)}`,
      ...(missing === undefined || open ? [] : [`${indent}${paint("cyan", `→ ${clean(missing)}`)}`]),
    ];
  });
}
