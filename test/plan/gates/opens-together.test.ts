import { describe, expect, it } from "vitest";
import type { Gates } from "../../../src/environment/gates.ts";
import { noGates } from "../../../src/environment/gates.ts";
import { parseWindow } from "../../../src/environment/read-window.ts";
import { opensTogether } from "../../../src/plan/gates/opens-together.ts";
import { asDuration, facts, hour, hoursAgo, now } from "./facts.ts";

/** It is Friday, 2026-03-06 12:00 UTC. */
function opening(gates: Partial<Gates>, passed: readonly string[] = []): string | undefined {
  const found = opensTogether({ ...noGates, ...gates }, facts, now, ({ gate }) => passed.includes(gate));
  return found === undefined ? undefined : new Date(found).toISOString().slice(0, 16);
}

const windows = ["Mon-Fri 09:00-12:00 UTC"].flatMap((text) => {
  const window = parseWindow(text);
  return "wrong" in window ? [] : [window];
});
const freezes = [
  { from: Date.parse("2026-03-09T00:00Z"), to: Date.parse("2026-03-10T11:00Z"), zone: "UTC", reason: "" },
  { from: Date.parse("2026-03-10T12:30Z"), to: Date.parse("2026-03-20T00:00Z"), zone: "UTC", reason: "" },
];

describe("all gates open together", () => {
  it("now, where they are open, and else when the last of them is, if no other is closed again by then", () => {
    expect(opening({})).toBe("2026-03-06T12:00");
    expect(opening({ windows })).toBe("2026-03-09T09:00");
    expect(opening({ windows, freezes })).toBe("2026-03-10T11:00");
    expect(opening({ windows, freezes, soak: asDuration(98.5 * hour) })).toBe("2026-03-20T09:00");
    expect(opening({ windows, freezes }, ["window"])).toBe("2026-03-06T12:00");
  });

  it("never by themselves, where something is to be done, or where the release is too old by then", () => {
    expect(opening({ windows, git: { clean: false, branches: [], signed: true } })).toBeUndefined();
    expect(opening({ windows, provenance: true })).toBeUndefined();
    expect(opening({ windows, maxAge: asDuration(100 * hour) })).toBeUndefined();
    expect(opening({ windows, maxAge: asDuration(200 * hour) })).toBe("2026-03-09T09:00");
    expect(facts.release.builtAt).toBe(hoursAgo(48));
  });
});
