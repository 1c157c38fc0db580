import { constants } from "node:fs";
import { type Agent, wholeData } from "./agent.ts";
import type { Desired } from "./desired-tree.ts";
import type { Owners } from "./owners.ts";
import type { HeldEntry } from "./plan-sync.ts";

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;
const types = new Map<number, "file" | "directory" | "symlink">([
  [S_IFREG, "file"],
  [S_IFDIR, "directory"],
  [S_IFLNK, "symlink"],
]);

/** Paths in one question: a kernel takes some 128 KiB of arguments at least, and `xargs` sees to that. */
const portion = 5_000;

/**
 * Finds out what really lies at these paths of a container. Resolves with what is there: an entry of `expected` where it
 * is that very thing, else "unknown". Links are always unknown: telling their targets takes a process each.
 */
export async function observe(
  agent: Agent,
  paths: readonly string[],
  expected: Desired,
  owners: Owners,
): Promise<Map<string, HeldEntry>> {
  const found = new Map<string, HeldEntry>();
  // Answers come in lines: a name with a newline is sent again rather than looked for.
  const askable = paths.filter((path) => !path.includes("\n"));
  for (const path of paths)
    if (path.includes("\n")) found.set(path, { kind: "unknown", was: expected.get(path)?.kind ?? "file" });
  const toHash: string[] = [];
  for (const line of await ask(agent, "stat", askable)) {
    const [, mode = "", uid, gid, path = ""] = /^([0-9a-f]+) (\d+) (\d+) (\/.*)$/s.exec(line) ?? [];
    const bits = Number.parseInt(mode, 16);
    const kind = types.get(bits & S_IFMT);
    if (path === "") continue;
    found.set(path, { kind: "unknown", was: kind ?? "file" });
    const wanted = expected.get(path);
    const ids = wanted && (await owners.ids(wanted.owner));
    if (!wanted || wanted.kind !== kind || wanted.kind === "symlink") continue;
    if ((bits & 0o7777) !== wanted.mode || Number(uid) !== ids?.uid || Number(gid) !== ids.gid) continue;
    if (kind === "file") toHash.push(path);
    else found.set(path, wanted);
  }
  for (const line of await ask(agent, "hash", toHash)) {
    // GNU marks names that it had to escape; those are sent again.
    const [, hash, path = ""] = /^([0-9a-f]{64}) [ *](\/.*)$/s.exec(line) ?? [];
    const wanted = expected.get(path);
    if (wanted?.kind === "file" && wanted.hash === hash) found.set(path, wanted);
  }
  return found;
}

async function ask(agent: Agent, verb: "stat" | "hash", paths: readonly string[]): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let start = 0; start < paths.length; start += portion) {
    const list = paths.slice(start, start + portion);
    const { lines } = await agent.ask(verb, "-", wholeData(Buffer.from(list.map((path) => `${path}\0`).join(""))));
    answers.push(...lines);
  }
  return answers;
}
