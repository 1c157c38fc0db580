import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory } from "../base/cache-directory.ts";
import type { Digest } from "../base/digest.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { BuildFacts } from "./build-facts.ts";

/** What this user built here, until it is attested: a command that was killed after its push is completed by the next one. */
interface BuildNote {
  readonly version: 1;
  /** What the builder made: the image's id in the engine, or its digest in the registry. */
  readonly id: Digest;
  readonly facts: BuildFacts;
}

type Place = Pick<Workspace, "environment" | "variables">;

/** Written before anything is pushed: nobody but whoever built may say how. Without it, nobody says. */
export async function noteBuild(place: Place, id: Digest, facts: BuildFacts): Promise<void> {
  const file = fileOf(place, facts.fingerprint);
  const note: BuildNote = { version: 1, id, facts };
  const temporary = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(note), { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    // A read-only home or a full disk: this command attests it all the same.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** What is noted of the build that made this very image; undefined where it was built elsewhere, or by somebody else. */
export async function recallBuild(place: Place, release: Release): Promise<BuildFacts | undefined> {
  const text = await readFile(fileOf(place, release.fingerprint), "utf8").catch(() => "");
  const note = parseJson(text);
  if (!isNote(note) || note.facts.fingerprint !== release.fingerprint) return undefined;
  const ids: readonly string[] = [
    release.digest,
    ...Object.values(release.configs),
    ...Object.values(release.manifests),
  ];
  return ids.includes(note.id) ? note.facts : undefined;
}

export async function forgetBuild(place: Place, release: Release): Promise<void> {
  await rm(fileOf(place, release.fingerprint), { force: true }).catch(() => undefined);
}

/** Our own file, and only damaged by accident. */
function isNote(value: unknown): value is BuildNote {
  if (!isObject(value) || value.version !== 1 || typeof value.id !== "string" || !isObject(value.facts)) return false;
  const { facts } = value;
  return typeof facts.fingerprint === "string" && isObject(facts.git) && Array.isArray(facts.bases);
}

function fileOf({ environment, variables }: Place, fingerprint: string): string {
  const name = createHash("sha256").update(`${environment.file}\0${fingerprint}`).digest("hex").slice(0, 32);
  return join(cacheDirectory(variables), `build-${name}.json`);
}
