import type { Duration } from "../../../src/base/duration.ts";
import { type Gates, noGates } from "../../../src/environment/gates.ts";
import type { GateFacts } from "../../../src/plan/gates/facts.ts";
import { judge } from "../../../src/plan/gates/judge.ts";
import { release } from "../world.ts";

export const now = Date.parse("2026-03-06T12:00:00Z");
export const hour = 3_600_000;
export const commit = "0123456789abcdef0123456789abcdef01234567";
export const hoursAgo = (hours: number) => new Date(now - hours * hour).toISOString();
export const asDuration = (value: number) => value as Duration;

export const facts: GateFacts = {
  stage: "prod",
  release: { ...release("r1"), commit, builtAt: hoursAgo(48) },
  seen: false,
  zone: () => "UTC",
  verified: [{ stage: "test", first: false, at: hoursAgo(2) }],
  approvals: { keys: [], statements: [], authors: [], authorUnknown: undefined },
  commit: { unknown: "git does not know 0123456789ab here" },
  image: { platforms: [], programs: [], reports: [], unreadable: [] },
  provenance: { unknown: "its build has no provenance" },
};

/** The gate of this name, as it is judged. */
export function judged(gate: string, gates: Partial<Gates>, more: Partial<GateFacts> = {}) {
  const found = judge({ ...noGates, ...gates }, { ...facts, ...more }, now);
  const one = found.find((candidate) => candidate.gate === gate);
  if (!one) throw new Error(`${gate} is not among ${found.map((candidate) => candidate.gate)}`);
  return one;
}
