import type { Gates } from "../../environment/gates.ts";
import { judgeAge } from "./age.ts";
import { judgeApprovals } from "./approvals.ts";
import type { GateFacts } from "./facts.ts";
import { judgeFreezes } from "./freezes.ts";
import { judgeGit } from "./git.ts";
import { judgeImage } from "./image.ts";
import type { JudgedGate } from "./judged-gate.ts";
import { judgeProvenance } from "./provenance.ts";
import { judgeSoak, judgeVerified } from "./soak.ts";
import { judgeWindows } from "./window.ts";

/** Every gate of a stage, open or closed, in the order of the file's format. `now` in milliseconds since 1970. */
export function judge(gates: Gates, facts: GateFacts, now: number): JudgedGate[] {
  const judged = [
    judgeVerified(facts, now),
    ...judgeSoak(gates.soak, facts, now),
    ...judgeApprovals(gates.approvals, facts),
    ...judgeWindows(gates.windows, facts.zone, now),
    ...judgeFreezes(gates.freezes, facts.zone, now),
    ...judgeAge(gates.maxAge, facts, now),
    ...judgeGit(gates.git, facts),
    ...judgeImage(gates.image, facts, now),
    ...judgeProvenance(gates.provenance, facts),
  ];
  return judged.map((gate) => ({ ...gate, found: inOneLine(gate.found) }));
}

/** It has names in it that others chose, of branches and packages, and goes into records: one line, and no book. */
function inOneLine(found: string): string {
  const line = found.replace(/\s+/g, " ");
  return line.length > 1000 ? `${line.slice(0, 1000)}…` : line;
}
