import { matchesName } from "../../base/name-pattern.ts";
import type { GitRules } from "../../environment/gates.ts";
import type { GateFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** What is asked of the commit: each of its own, so that a person sees all that is missing. */
export function judgeGit(rules: GitRules, facts: Pick<GateFacts, "release" | "commit">): JudgedGate[] {
  return [
    ...(rules.clean ? [clean(facts)] : []),
    ...(rules.branches.length > 0 ? [branches(rules.branches, facts)] : []),
    ...(rules.signed ? [signed(facts)] : []),
  ];
}

function clean({ release }: Pick<GateFacts, "release">): JudgedGate {
  const gate = "git.clean";
  const missing = "commit the changes, and build that: envctl up of the first stage";
  if (release.commit === undefined)
    return { gate, open: false, found: "it was built of no commit: git was not there, or had none", missing };
  const short = release.commit.slice(0, 12);
  if (release.dirty)
    return { gate, open: false, found: `it was built of ${short} with changes that are in no commit`, missing };
  return { gate, open: true, found: `it was built of ${short}, without changes` };
}

function branches(patterns: readonly string[], { commit, release }: Pick<GateFacts, "commit" | "release">): JudgedGate {
  const gate = "git.branches";
  const wanted = patterns.join(", ");
  if ("unknown" in commit)
    return { gate, open: false, found: commit.unknown, missing: commit.next ?? fetchIt(release.commit) };
  const allowed = commit.branches.filter((name) => patterns.some((pattern) => matchesName(pattern, name)));
  const short = commit.id.slice(0, 12);
  if (allowed.length > 0) return { gate, open: true, found: `${short} is in ${some(allowed)}` };
  const found =
    commit.branches.length > 0 ? `is in ${some(commit.branches)} alone` : "is in no branch that git has here";
  return {
    gate,
    open: false,
    found: `${short} ${found}; ${wanted} would do`,
    missing: `merge it into ${wanted}, then git fetch`,
  };
}

function signed({ commit, release }: Pick<GateFacts, "commit" | "release">): JudgedGate {
  const gate = "git.signed";
  if ("unknown" in commit)
    return { gate, open: false, found: commit.unknown, missing: commit.next ?? fetchIt(release.commit) };
  const { valid = false, words = "" } = commit.signature ?? {};
  const found = `${commit.id.slice(0, 12)}: ${words}`;
  if (valid) return { gate, open: true, found };
  const missing = "sign the commit (git commit -S) and build that, or let git know the signer's key";
  return { gate, open: false, found, missing };
}

function fetchIt(commit: string | undefined): string {
  return commit === undefined
    ? "commit the sources, and build that: envctl up of the first stage"
    : "run it in a clone that has the commit: git fetch --unshallow, or git fetch origin";
}

function some(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}
