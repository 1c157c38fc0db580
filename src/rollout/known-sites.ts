import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../base/json.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { isRunning } from "../plan/observed.ts";
import type { Site } from "../proxy/proxy.ts";
import { liveRevision } from "./proxy-revision.ts";
import { areSites, readSites, revisionOf } from "./proxy-state.ts";

/** Where commands on this machine keep what they last read of each proxy, or told it, by engine. */
const folders = new WeakMap<Engine, string>();

/** To be called once an engine is open, with a folder of the user's own. */
export function keepSitesIn(engine: Engine, folder: string): void {
  folders.set(engine, folder);
}

/**
 * The sites of a proxy. An engine takes up to a tenth of a second to read a file in a container, and a proxy a millisecond to
 * say which revision it serves: what this machine has read of that revision before is not read again. Throws
 * `proxy-state-invalid`.
 */
export async function currentSites(
  engine: Engine,
  container: ObservedContainer,
  signal?: AbortSignal,
): Promise<readonly Site[]> {
  const folder = folders.get(engine);
  const revision = folder && isRunning(container) ? await revisionNow(engine, container, signal) : undefined;
  const known = folder && revision !== undefined ? await recall(fileOf(folder, container.id), revision) : undefined;
  if (known) return known;
  const sites = await readSites(engine, container.id, signal);
  await rememberSites(engine, container.id, sites);
  return sites;
}

/** To be called once these sites are live, and in the proxy's file. */
export async function rememberSites(engine: Engine, container: string, sites: readonly Site[]): Promise<void> {
  const folder = folders.get(engine);
  if (folder === undefined) return;
  const file = fileOf(folder, container);
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(sites), { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    // A read-only home or a full disk: the proxy's own file is read each time.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Whether the proxy says that it serves these very sites; false where it cannot be asked. */
export async function serves(
  engine: Engine,
  container: ObservedContainer,
  sites: readonly Site[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return (await revisionNow(engine, container, signal)) === revisionOf(sites);
}

async function revisionNow(
  engine: Engine,
  container: ObservedContainer,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return await liveRevision(engine, container, signal ?? timeLimit(2000));
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** The revision is a digest of the sites: what is not that revision, for whatever reason, is as good as nothing. */
async function recall(file: string, revision: string): Promise<readonly Site[] | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const sites = text === undefined ? undefined : parseJson(text);
  return areSites(sites) && revisionOf(sites) === revision ? sites : undefined;
}

function fileOf(folder: string, container: string): string {
  return join(folder, `${container}.json`);
}
