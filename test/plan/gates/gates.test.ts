import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/base/digest.ts";
import { matchesName } from "../../../src/base/name-pattern.ts";
import { type Gates, noGates } from "../../../src/environment/gates.ts";
import type { ApprovalFacts } from "../../../src/plan/gates/facts.ts";
import { judge } from "../../../src/plan/gates/judge.ts";
import { asDuration, commit, facts, hour, hoursAgo, judged, now } from "./facts.ts";

it("is verified or not, whatever the file says", () => {
  expect(judge(noGates, facts, now)).toEqual([{ gate: "verified", open: true, found: "test: verified for 2h" }]);
  const verified = [
    { stage: "test", first: false, at: hoursAgo(2) },
    { stage: "dev", first: true, why: "it has never run there" },
  ];
  expect(judge(noGates, { ...facts, verified }, now)).toEqual([
    {
      gate: "verified",
      open: false,
      found: "test: verified for 2h; dev: it has never run there",
      missing: "envctl up dev --release r1",
    },
  ]);
});

describe("soak", () => {
  const soak = asDuration(3 * hour);
  const one = { stage: "a", first: false, at: hoursAgo(5) };

  it("counts from the stage in which it was verified last", () => {
    const verified = [one, { stage: "b", first: false, at: hoursAgo(1) }];
    expect(judged("soak", { soak }, { verified })).toEqual({
      gate: "soak",
      open: false,
      found: "verified in b for 1h, of 3h",
      missing: "2h more: it opens Fri 2026-03-06 14:00 UTC",
      opensAt: "2026-03-06T14:00:00.000Z",
    });
    expect(judged("soak", { soak }, { verified: [one] }).open).toBe(true);
    expect(judged("soak", { soak }, { verified: [{ ...one, at: hoursAgo(3) }] }).open).toBe(true);
  });

  it("has not begun where it is not verified, or where a clock is ahead", () => {
    const never = judged("soak", { soak }, { verified: [one, { stage: "b", first: false, why: "it failed" }] });
    expect(never).toMatchObject({ open: false, found: "it has not begun: not verified in b" });
    expect(never.opensAt).toBeUndefined();
    expect(judged("soak", { soak }, { verified: [{ ...one, at: hoursAgo(-1) }] })).toMatchObject({
      ...{ open: false, found: "verified in a for 0ms, of 3h", opensAt: "2026-03-06T16:00:00.000Z" },
    });
  });
});

describe("approvals", () => {
  const keys = ["ada", "grace", "linus"].map((name) => ({ name, id: `SHA256:${name}` }));
  const say = (name: string, decision: "approved" | "withdrawn" = "approved", hours = 1) => ({
    ...{ digest: digestOf(`${name} ${decision} ${hours}`), key: `SHA256:${name}`, decision, at: hoursAgo(hours) },
  });
  const ask = (
    statements: ApprovalFacts["statements"],
    rule: Partial<Gates["approvals"]> = {},
    more: Partial<ApprovalFacts> = {},
  ) =>
    judged(
      "approvals",
      { approvals: { count: 2, by: undefined, notAuthor: false, ...rule } },
      { approvals: { ...facts.approvals, keys, statements, ...more } },
    );

  it("count each key once, and name who is left", () => {
    expect(ask([])).toEqual({
      ...{ gate: "approvals", open: false, found: "nobody has approved, of 2 wanted" },
      missing: "envctl approve prod --release r1, by 2 of ada, grace, linus",
    });
    expect(ask([say("ada"), say("ada", "approved", 2)])).toMatchObject({
      ...{ open: false, found: "approved by ada, of 2 wanted" },
      missing: "envctl approve prod --release r1, by 1 of grace, linus",
    });
    expect(ask([say("ada"), say("grace")])).toEqual({
      ...{ gate: "approvals", open: true, found: "approved by ada and grace, of 2 wanted" },
      attestations: [say("ada").digest, say("grace").digest],
    });
  });

  it("say so where there are too few keys", () => {
    const few = keys.slice(0, 1);
    expect(ask([], {}, { keys: few }).missing).toMatch(/by ada and 1 more, whose key is not in \.envctl\/keys yet$/);
    expect(ask([say("ada")], {}, { keys: few }).missing).toMatch(/r1, by 1 more, whose key is not/);
  });

  it("follow the newest word of each key", () => {
    const withdrawn = [say("ada", "approved", 3), say("ada", "withdrawn", 2), say("grace")];
    expect(ask(withdrawn)).toMatchObject({ open: false, found: "approved by grace, of 2 wanted" });
    expect(ask([...withdrawn, say("ada", "approved", 1)])).toMatchObject({ open: true });
    for (const both of [
      [say("ada"), say("ada", "withdrawn")],
      [say("ada", "withdrawn"), say("ada")],
    ]) {
      expect(ask([...both, say("grace")])).toMatchObject({ open: false });
    }
  });

  it("count only those of keys that may, and never the author's where that is said", () => {
    const all = [say("ada"), say("grace")];
    expect(ask(all, { by: ["grace", "linus"] })).toMatchObject({
      open: false,
      found: "approved by grace, of 2 wanted; ada's does not count: grace, linus may",
      missing: "envctl approve prod --release r1, by linus",
    });
    const authors = [{ key: "SHA256:ada", why: "it is their commit" }];
    expect(ask(all, { notAuthor: true }, { authors })).toMatchObject({
      open: false,
      found: "approved by grace, of 2 wanted; ada's does not count: it is their commit",
    });
    expect(ask(all, {}, { authors })).toMatchObject({ open: true });
    expect(ask(all, { notAuthor: true }, { authorUnknown: "git is not there" })).toMatchObject({
      open: false,
      found: expect.stringMatching(/cannot be told who made it.*git is not there/),
    });
  });

  it("take a key with two names for one", () => {
    const twice = [...keys, { name: "ada2", id: "SHA256:ada" }];
    expect(ask([say("ada")], { count: 1, by: ["ada2"] }, { keys: twice })).toMatchObject({ open: true });
    expect(ask([say("ada"), say("ada", "approved", 2)], { by: ["ada", "ada2"] }, { keys: twice }).open).toBe(false);
  });

  it("need keys, and say so", () => {
    expect(ask([], {}, { keys: [] })).toMatchObject({
      open: false,
      missing: "envctl keys init, and commit .envctl/keys",
    });
  });
});

describe("max_age", () => {
  const maxAge = asDuration(24 * hour);
  it("counts from the build, as its provenance tells, or else its image", () => {
    expect(judged("max_age", { maxAge })).toMatchObject({
      ...{ open: false, found: "built 2d ago, as its image says; 1d is the most" },
    });
    const provenance = {
      ...{ digest: digestOf("p"), signer: "ada", bases: [], finishedAt: hoursAgo(24), differs: [] },
    };
    expect(judged("max_age", { maxAge }, { provenance })).toMatchObject({ open: true });
    const undated = { ...facts.release, builtAt: "" };
    expect(judged("max_age", { maxAge }, { release: undated })).toMatchObject({
      ...{ open: false, found: expect.stringMatching(/nobody knows/) },
    });
  });
});

describe("git", () => {
  const rules = { clean: true, branches: ["main", "release/*"], signed: true };
  const known = (more: object) => ({ commit: { id: commit, branches: ["main"], signature: undefined, ...more } });

  it("clean: not with changes, and not without a commit", () => {
    expect(judged("git.clean", { git: rules }).open).toBe(true);
    for (const change of [{ dirty: true }, { commit: undefined }]) {
      expect(judged("git.clean", { git: rules }, { release: { ...facts.release, ...change } }).open).toBe(false);
    }
  });

  it("branches: one of those that have the commit", () => {
    expect(judged("git.branches", { git: rules }, known({ branches: ["try", "release/2"] }))).toMatchObject({
      ...{ open: true, found: "0123456789ab is in release/2" },
    });
    expect(judged("git.branches", { git: rules }, known({ branches: ["try", "release/2/fix"] }))).toMatchObject({
      open: false,
      found: "0123456789ab is in try, release/2/fix alone; main, release/* would do",
    });
    expect(judged("git.branches", { git: rules }, known({ branches: [] })).open).toBe(false);
  });

  it("signed: by git's own word", () => {
    const signature = { valid: true, words: "git accepts its signature" };
    expect(judged("git.signed", { git: rules }, known({ signature })).open).toBe(true);
    const bad = { valid: false, words: "it is not signed" };
    expect(judged("git.signed", { git: rules }, known({ signature: bad }))).toMatchObject({
      ...{ open: false, found: "0123456789ab: it is not signed" },
    });
  });

  it("is closed with the reason where git says nothing", () => {
    for (const gate of ["git.branches", "git.signed"]) {
      expect(judged(gate, { git: rules })).toMatchObject({
        open: false,
        found: "git does not know 0123456789ab here",
        missing: expect.stringContaining("git fetch --unshallow"),
      });
    }
  });

  it("does not advise to fetch where git itself is missing", () => {
    const nowhere = { unknown: "git is not installed here", next: "install git on this machine" };
    for (const gate of ["git.branches", "git.signed"]) {
      expect(judged(gate, { git: rules }, { commit: nowhere }).missing).toBe("install git on this machine");
    }
  });
});

it("tells what it found in one line, whatever somebody has called a branch", () => {
  const branches = ["a\nverified: open", "x".repeat(5000)];
  const git = { clean: false, branches: ["main"], signed: false };
  const { found } = judged("git.branches", { git }, { commit: { id: commit, branches, signature: undefined } });
  expect(found).toMatch(/is in a verified: open, x{100}/);
  expect(found.length).toBe(1001);
});

it("provenance: signed, and of this build", () => {
  const provenance = { digest: digestOf("p"), signer: "ada", bases: [], finishedAt: undefined, differs: [] };
  expect(judged("provenance", { provenance: true }, { provenance })).toEqual({
    ...{ gate: "provenance", open: true, found: "attested by ada", attestations: [digestOf("p")] },
  });
  for (const wrong of [
    { ...provenance, signer: undefined },
    { ...provenance, differs: ["another commit"] },
    facts.provenance,
  ]) {
    expect(judged("provenance", { provenance: true }, { provenance: wrong }).open).toBe(false);
  }
});

it.each([
  ["main", "main", true],
  ["main", "maint", false],
  ["release/*", "release/1", true],
  ["release/*", "release/1/2", false],
  ["release/**", "release/1/2", true],
  ["a.c", "abc", false],
  ["*", "", true],
])("the pattern %s has %s: %s", (pattern, name, expected) => {
  expect(matchesName(pattern, name)).toBe(expected);
});
