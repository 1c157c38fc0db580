import type { Gates } from "../../environment/gates.ts";
import type { GateFacts } from "./facts.ts";
import { judge } from "./judge.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** One gate may close again before another opens; those that still do not meet after this many times never will. */
const rounds = 1000;

/**
 * The first instant at which all gates are open, those aside that are passed anyway, where only time has to pass: milliseconds
 * since 1970. Undefined where something has to be done, or where one is closed for good before another opens.
 */
export function opensTogether(
  gates: Gates,
  facts: GateFacts,
  now: number,
  isPassed: (gate: JudgedGate) => boolean = () => false,
): number | undefined {
  let at = now;
  for (let round = 0; round < rounds; round += 1) {
    const closed = judge(gates, facts, at).filter((gate) => !gate.open && !isPassed(gate));
    if (closed.length === 0) return at;
    const next = Math.max(...closed.map(({ opensAt }) => (opensAt === undefined ? Number.NaN : Date.parse(opensAt))));
    if (Number.isNaN(next)) return undefined;
    at = next;
  }
  return undefined;
}
