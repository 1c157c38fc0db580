import type { GateFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** Whether the build is attested by a key of the environment, and is the one that this release came from. */
export function judgeProvenance(required: boolean, { provenance }: Pick<GateFacts, "provenance">): JudgedGate[] {
  if (!required) return [];
  const gate = "provenance";
  const missing = "build it where a key of the environment is (envctl keys list), and promote that";
  if ("unknown" in provenance) return [{ gate, open: false, found: provenance.unknown, missing }];
  const { signer, differs, digest } = provenance;
  if (signer === undefined) {
    const found = "this environment has no keys, so that nobody's word on the build can be trusted";
    return [{ gate, open: false, found, missing: "envctl keys init, and build it then" }];
  }
  if (differs.length > 0)
    return [{ gate, open: false, found: `its provenance is of another build: ${differs.join("; ")}`, missing }];
  return [{ gate, open: true, found: `attested by ${signer}`, attestations: [digest] }];
}
