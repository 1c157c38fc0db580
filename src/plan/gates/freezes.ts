import { firstAt, formatInstant, lastAt } from "../../base/zoned-time.ts";
import type { Freeze } from "../../environment/gates.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** `here` tells the reader's zone. */
export function judgeFreezes(freezes: readonly Freeze[], here: () => string, now: number): JudgedGate[] {
  if (freezes.length === 0) return [];
  const frozen = freezes.filter((freeze) => isFrozen(freeze, now));
  const [freeze] = frozen;
  if (!freeze) return [{ gate: "freezes", open: true, found: "nothing is frozen now" }];
  const thaws = thawsAt(freezes, now);
  const reason = frozen.flatMap((one) => (one.reason === "" ? [] : [one.reason])).join("; ");
  const end = formatInstant(lastAt(freeze.zone, freeze.to), freeze.zone, here());
  return [
    {
      gate: "freezes",
      open: false,
      found: `frozen until ${end}${reason === "" ? "" : `: ${reason}`}`,
      missing: `it opens ${formatInstant(thaws, freeze.zone, here())}`,
      opensAt: new Date(thaws).toISOString(),
    },
  ];
}

/** From the first time that clocks show its beginning to the last that they show something before its end. */
export function isFrozen({ from, to, zone }: Freeze, instant: number): boolean {
  return firstAt(zone, from) <= instant && instant < lastAt(zone, to);
}

/** When the last of the freezes that follow each other without a gap is over. */
export function thawsAt(freezes: readonly Freeze[], now: number): number {
  let at = now;
  for (;;) {
    const next = freezes.filter((freeze) => isFrozen(freeze, at)).map(({ zone, to }) => lastAt(zone, to));
    if (next.length === 0) return at;
    at = Math.max(...next);
  }
}
