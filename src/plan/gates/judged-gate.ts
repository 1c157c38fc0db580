import type { Digest } from "../../base/digest.ts";

/** What became of one gate. */
export interface JudgedGate {
  /** As the environment file calls it: `soak`, `git.signed`; `verified`, which every stage has. */
  readonly gate: string;
  readonly open: boolean;
  /** What was found, for people. */
  readonly found: string;
  /** What would open it: a command where there is one. */
  readonly missing?: string;
  /** RFC 3339, where it is known when it opens by itself. */
  readonly opensAt?: string;
  /** Manifests of the attestations that opened it. */
  readonly attestations?: readonly Digest[];
}

/** A gate that is known by name (`git`) or by one of its parts (`git.signed`). */
export function isPartOf(gate: string, name: string): boolean {
  return gate === name || gate.startsWith(`${name}.`);
}
