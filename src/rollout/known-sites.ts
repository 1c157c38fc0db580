import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../base/json.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { isRunning } from "../plan/observed.ts";
import type { ProxyState } from "../plan/turns.ts";
import type { Turn } from "../proxy/turn.ts";
import { liveRevision } from "./proxy-revision.ts";
import { areSites, readState, revisionOf } from "./proxy-state.ts";

/** Where commands on this machine keep what they last read of each proxy, or told it, by engine. */
const folders = new WeakMap<Engine, string>();

/** To be called once an engine is open, with a folder of the user's own. */
export function keepSitesIn(engine: Engine, folder: string): void {
  folders.set(engine, folder);
}

/**
 * What a proxy was told. An engine takes up to a tenth of a second to read a file in a container, and a proxy a millisecond to
 * say which revision it serves: what this machine has read of that revision before is not read again. Throws
 * `proxy-state-invalid`.
 */
export async function currentState(
  engine: Engine,
  container: ObservedContainer,
  signal?: AbortSignal,
): Promise<{ readonly state: ProxyState /** Whether it says that it serves just this. */; readonly isLive: boolean }> {
  const folder = folders.get(engine);
  const revision = isRunning(container) ? await revisionNow(engine, container, signal) : undefined;
  const known = folder && revision !== undefined ? await recall(fileOf(folder, container.id), revision) : undefined;
  if (known) return { state: known, isLive: true };
  const state = await readState(engine, container.id, signal);
  await rememberState(engine, container.id, state);
  return { state, isLive: revision === revisionOf(state) };
}

/** To be called once this is live, and in the proxy's files. */
export async function rememberState(engine: Engine, container: string, state: ProxyState): Promise<void> {
  const folder = folders.get(engine);
  if (folder === undefined) return;
  const file = fileOf(folder, container);
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify({ ...state, turned: [...state.turned] }), { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    // A read-only home or a full disk: the proxy's own file is read each time.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
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

/** The revision is a digest of it: what is not that revision, for whatever reason, is as good as nothing. */
async function recall(file: string, revision: string): Promise<ProxyState | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const kept = text === undefined ? undefined : parseJson(text);
  const { sites, turned } = (kept ?? {}) as { readonly sites?: unknown; readonly turned?: unknown };
  if (!areSites(sites) || !Array.isArray(turned)) return undefined;
  const state = { sites, turned: new Map(turned as [string, Turn][]) };
  return revisionOf(state) === revision ? state : undefined;
}

function fileOf(folder: string, container: string): string {
  return join(folder, `${container}.json`);
}
