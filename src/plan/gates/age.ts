import { type Duration, formatDuration } from "../../base/duration.ts";
import type { GateFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** Time since the build: by its provenance, or else by the date in the image. */
export function judgeAge(
  maxAge: Duration | undefined,
  { release, provenance }: Pick<GateFacts, "release" | "provenance">,
  now: number,
): JudgedGate[] {
  if (maxAge === undefined) return [];
  const attested = "unknown" in provenance ? undefined : provenance.finishedAt;
  const built = Date.parse(attested ?? release.builtAt);
  const missing = "build a new release: envctl up of the first stage, and promote that";
  if (Number.isNaN(built)) {
    return [{ gate: "max_age", open: false, found: "nobody knows when it was built: its image has no date", missing }];
  }
  const age = now - built;
  const source = attested === undefined ? "as its image says" : "as its provenance says";
  const found = `built ${formatDuration(Math.max(0, age))} ago, ${source}; ${formatDuration(maxAge)} is the most`;
  const open = age <= maxAge;
  return [{ gate: "max_age", open, found, ...(open ? {} : { missing }) }];
}
