import type { Digest } from "../base/digest.ts";

/** What a stage's history tells of one change; newest first in lists. */
export interface PastChange {
  readonly digest: Digest | undefined;
  readonly commit: string | undefined;
  readonly succeeded: boolean;
}

/** A release that stands in the stages before. */
export interface Candidate {
  readonly name: string;
  readonly digest: Digest;
}

export type AutoDecision =
  | { readonly act: true }
  | {
      readonly act: false;
      /** `done`: the stage has it. `held`: a person must decide. */
      readonly state: "done" | "held";
      readonly why: string;
    };

/**
 * Whether a release that is good enough for a stage goes there by itself. What the stage has had, and has no more, was
 * taken back by somebody: that is not undone by a machine.
 */
export function decidePromotion(candidate: Candidate, history: readonly PastChange[]): AutoDecision {
  return decide(history, candidate.name, (change) => change.digest === candidate.digest);
}

/** The same for a commit of which a first stage would be built. */
export function decideBuild(commit: string, history: readonly PastChange[]): AutoDecision {
  return decide(history, commit.slice(0, 7), (change) => change.commit === commit);
}

function decide(history: readonly PastChange[], name: string, isIt: (change: PastChange) => boolean): AutoDecision {
  const [newest] = history;
  if (newest?.succeeded && isIt(newest)) return { act: false, state: "done", why: `it has ${name}` };
  if (!history.some((change) => change.succeeded && isIt(change))) return { act: true };
  return { act: false, state: "held", why: `${name} ran here and was replaced: only a person brings it back` };
}
