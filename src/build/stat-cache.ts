import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileStamp } from "./walk.ts";

const format = "envctl-stat-cache-1";

/**
 * File systems stamp files with a clock of 4 ms to 2 s: a file changed twice within one tick keeps its stamp. So a stamp is
 * believed only if the file was left alone for this long before it was read (git calls the others "racily clean").
 */
const settled = 2_500;

/** Content hashes of files by stamp, so that unchanged files aren't read again. A lost or damaged cache costs time only. */
export class StatCache {
  readonly #file: string | undefined;
  readonly #known: ReadonlyMap<string, Entry>;
  readonly #fresh = new Map<string, Entry>();
  #changed = false;

  private constructor(file: string | undefined, known: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#known = known;
  }

  /** Opens the cache of one build context; `directory` undefined keeps nothing. */
  static async open(directory: string | undefined, root: string): Promise<StatCache> {
    if (directory === undefined) return new StatCache(undefined, new Map());
    const name = createHash("sha256").update(root).digest("hex").slice(0, 32);
    const file = join(directory, `context-${name}.json`);
    return new StatCache(file, await load(file, root));
  }

  /** The file's content hash if its stamp is the one it had when it was hashed. */
  find(path: string, stamp: FileStamp): string | undefined {
    const entry = this.#fresh.get(path) ?? this.#known.get(path);
    if (entry === undefined || !sameStamp(entry.stamp, stamp)) return undefined;
    this.#fresh.set(path, entry);
    return entry.hash;
  }

  /** Remembers a hash. `readAt` is the time before the first byte was read, in milliseconds since the epoch. */
  remember(path: string, stamp: FileStamp, hash: string, readAt: number): void {
    if (Math.max(stamp.modified, stamp.changed) > readAt - settled) return;
    this.#fresh.set(path, { stamp, hash });
    this.#changed = true;
  }

  /** Writes what this run saw, in one step. A cache that can't be written is no reason to fail. */
  async save(root: string): Promise<void> {
    const file = this.#file;
    if (file === undefined || (!this.#changed && this.#fresh.size === this.#known.size)) return;
    const body = JSON.stringify(
      Array.from(this.#fresh, ([path, { stamp, hash }]) => [
        path,
        stamp.size,
        stamp.modified,
        stamp.changed,
        stamp.inode,
        hash,
      ]),
    );
    const temporary = `${file}.${randomBytes(6).toString("hex")}`;
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(temporary, `${header(root, body)}\n${body}`, { mode: 0o600 });
      await rename(temporary, file);
    } catch {
      // A read-only home or a full disk: the next run reads all files again.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }
}

interface Entry {
  readonly stamp: FileStamp;
  readonly hash: string;
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.modified === b.modified && a.changed === b.changed && a.inode === b.inode;
}

/** Ties the content to its context: a truncated, mixed-up or hand-edited file is no cache. */
function header(root: string, body: string): string {
  return `${format} ${createHash("sha256").update(`${root}\0${body}`).digest("hex")}`;
}

async function load(file: string, root: string): Promise<ReadonlyMap<string, Entry>> {
  try {
    const text = await readFile(file, "utf8");
    const end = text.indexOf("\n");
    const body = text.slice(end + 1);
    if (text.slice(0, end) !== header(root, body)) return new Map();
    const rows = JSON.parse(body) as [string, number, number, number, number, string][];
    return new Map(
      rows.map(([path, size, modified, changed, inode, hash]) => [
        path,
        { stamp: { size, modified, changed, inode }, hash },
      ]),
    );
  } catch {
    // Not there yet, or unreadable: every file is read once.
    return new Map();
  }
}
