import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { readOnly, readSmallFile, smallFile } from "../build/hash-files.ts";
import { type AgentData, wholeData } from "./agent.ts";
import { type Packed, pack } from "./archive.ts";
import type { Desired, DesiredEntry } from "./desired-tree.ts";
import { largeFile } from "./large-file.ts";
import type { Ids } from "./owners.ts";
import type { HeldEntry, SyncPlan } from "./plan-sync.ts";

/** One command for the agent, and what the container holds once it was carried out; undefined is nothing. */
export interface Message {
  readonly verb: "put" | "stage";
  readonly flags: string;
  readonly data: AgentData;
  readonly outcome: ReadonlyMap<string, HeldEntry | undefined>;
  /** Bytes of files in it. */
  readonly bytes: number;
}

export interface MessageOptions {
  /** The build context, absolute. */
  readonly root: string;
  readonly compress: boolean;
  /** To be written before anything is changed. */
  readonly marker: string | undefined;
  /** Whether the container is known to have a folder there. */
  isFolder(path: string): boolean;
  ids(entry: DesiredEntry): Promise<Ids | undefined>;
  onRefused(path: string, why: string): void;
  /** The file is not what it was when it was hashed, or is gone. */
  onUnsettled(source: string): void;
}

/** Up to so many files, and bytes, each is put in its place in one step; more go straight there, for speed. */
const fewFiles = 64;
const fewBytes = 4 << 20;
/** What goes in one message at most, but for a single file that is larger. */
const filesInOne = 500;
const bytesInOne = 4 << 20;
const largeBytes = 8 << 20;

/** The commands that carry a plan out, in their order. Files are read while the messages are taken. */
export async function* messagesFor(plan: SyncPlan, desired: Desired, options: MessageOptions): AsyncGenerator<Message> {
  const control = new Stage(options);
  if (options.marker !== undefined) control.list("m", "marker", options.marker);
  for (const [flag, name] of [
    ["r", "remove"],
    ["c", "clear"],
    ["p", "prune"],
  ] as const) {
    if (plan[name].length === 0) continue;
    control.list(flag, name, plan[name].map((path) => `${path}\0`).join(""));
    for (const path of plan[name]) control.outcome.set(path, undefined);
  }
  const placed = [...plan.directories, ...plan.symlinks];
  const sizes = plan.files.map((path) => sizeOf(desired.get(path)));
  const few = plan.files.length <= fewFiles && sizes.reduce((sum, size) => sum + size, 0) <= fewBytes;
  if ((placed.length > 0 || !few) && control.filled) yield await control.message();
  for (let start = 0; start < placed.length; start += filesInOne) {
    const part = new Put(options);
    for (const path of placed.slice(start, start + filesInOne)) await part.add(path, desired.get(path));
    if (part.filled) yield await part.message();
  }
  if (few) {
    const stage = placed.length > 0 ? new Stage(options) : control;
    for (const path of plan.files) await stage.move(path, desired.get(path));
    if (stage.filled) yield await stage.message();
    return;
  }
  let part = new Put(options);
  for (const path of plan.files) {
    const entry = desired.get(path);
    if (sizeOf(entry) > largeBytes) {
      const large = await oneLarge(path, entry, options);
      if (large) yield large;
      continue;
    }
    await part.add(path, entry);
    if (part.outcome.size < filesInOne && part.bytes < bytesInOne) continue;
    yield await part.message();
    part = new Put(options);
  }
  if (part.filled) yield await part.message();
}

function sizeOf(entry: DesiredEntry | undefined): number {
  return entry?.kind === "file" ? entry.size : 0;
}

/** A tar in the making. */
class Archive {
  readonly outcome = new Map<string, HeldEntry | undefined>();
  bytes = 0;
  protected readonly entries: Packed[] = [];
  protected readonly options: MessageOptions;

  constructor(options: MessageOptions) {
    this.options = options;
  }

  get filled(): boolean {
    return this.entries.length > 0;
  }

  /** Adds what is wanted at `path` under `name`; false where it is gone or its owner is unknown. */
  protected async pack(path: string, entry: DesiredEntry | undefined, name: string): Promise<boolean> {
    const ids = entry && (await idsOf(path, entry, this.options));
    if (!entry || !ids) return false;
    if (entry.kind !== "file") {
      this.entries.push({ ...entry, ...ids, name });
      this.outcome.set(path, entry);
      return true;
    }
    const content = await readSource(this.options.root, entry);
    if (content === undefined) {
      this.options.onUnsettled(entry.source);
      return false;
    }
    const hash = createHash("sha256").update(content).digest("hex");
    if (hash !== entry.hash) this.options.onUnsettled(entry.source);
    this.entries.push({ kind: "file", mode: entry.mode, content, ...ids, name });
    this.outcome.set(path, hash === entry.hash ? entry : { ...entry, hash });
    this.bytes += content.length;
    return true;
  }

  protected async message(verb: Message["verb"], flags: string): Promise<Message> {
    const tar = await pack(this.entries);
    const zip = this.options.compress && tar.length > 2_048;
    return {
      verb,
      flags: `${zip ? "z" : ""}${flags}` || "-",
      data: wholeData(zip ? await promisify(gzip)(tar, { level: 1 }) : tar),
      outcome: this.outcome,
      bytes: this.bytes,
    };
  }
}

class Put extends Archive {
  async add(path: string, entry: DesiredEntry | undefined): Promise<void> {
    await this.pack(path, entry, path.slice(1));
  }

  override async message(): Promise<Message> {
    return await super.message("put", "");
  }
}

/** Files that are moved in place when all of them are there, and lists of paths to work off before. */
class Stage extends Archive {
  #flags = "";
  #moves = "";
  readonly #parents = new Set<string>();

  list(flag: string, name: string, content: string): void {
    this.#flags += flag;
    this.entries.push({ kind: "file", name, mode: 0o644, uid: 0, gid: 0, content: Buffer.from(content) });
  }

  async move(path: string, entry: DesiredEntry | undefined): Promise<void> {
    const name = String(this.entries.length);
    if (await this.pack(path, entry, name)) {
      this.#moves += `${name}\0${path}\0`;
      const parent = posix.dirname(path);
      if (!this.options.isFolder(parent)) this.#parents.add(parent);
    }
  }

  override async message(): Promise<Message> {
    if (this.#parents.size > 0) this.list("d", "parents", [...this.#parents].map((path) => `${path}\0`).join(""));
    if (this.#moves !== "") this.list("v", "moves", this.#moves);
    return await super.message("stage", this.#flags);
  }
}

async function idsOf(path: string, entry: DesiredEntry, options: MessageOptions): Promise<Ids | undefined> {
  const ids = await options.ids(entry);
  if (!ids) options.onRefused(path, `the image has no user or group ${entry.owner?.user}:${entry.owner?.group}`);
  return ids;
}

async function oneLarge(
  path: string,
  entry: DesiredEntry | undefined,
  options: MessageOptions,
): Promise<Message | undefined> {
  const ids = entry?.kind === "file" ? await idsOf(path, entry, options) : undefined;
  if (entry?.kind !== "file" || !ids) return undefined;
  const file = await openSource(options.root, entry.source);
  if (!file) {
    options.onUnsettled(entry.source);
    return undefined;
  }
  const outcome = new Map<string, HeldEntry | undefined>([[path, { kind: "unknown", was: "file" }]]);
  const { size } = await file.stat();
  const data = largeFile(file, { name: path.slice(1), mode: entry.mode, size, ...ids }, (hash) => {
    outcome.set(path, { ...entry, hash });
    if (hash !== entry.hash) options.onUnsettled(entry.source);
  });
  return { verb: "put", flags: "-", data, outcome, bytes: size };
}

async function openSource(root: string, source: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(join(root, source), readOnly);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch {
    // Gone, replaced by a link, or no longer ours to read: the next look at it says which.
  }
  return undefined;
}

async function readSource(
  root: string,
  { source, size }: DesiredEntry & { kind: "file" },
): Promise<Uint8Array | undefined> {
  if (size <= smallFile) {
    try {
      return readSmallFile(join(root, source)).content;
    } catch {
      // As in `openSource`.
      return undefined;
    }
  }
  const file = await openSource(root, source);
  try {
    return await file?.readFile();
  } finally {
    await file?.close();
  }
}
