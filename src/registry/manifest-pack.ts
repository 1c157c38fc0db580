import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, digestOf } from "../base/digest.ts";

/** Bytes. A pack that would grow beyond is written anew, without its oldest. A record of a history takes 2 to 4 kB. */
const largest = 32 * 1024 * 1024;
const leftThen = 24 * 1024 * 1024;
/** Milliseconds. Packs that got nothing new for so long are taken away: nobody can tell whether their stage is there still. */
const forgottenAfter = 90 * 24 * 3_600_000;

const newline = 0x0a;
const head = /^([0-9a-f]{64}) (\d{1,15}) /;
/** A pack's file, or what a command that was killed has left of one. */
const ours = /^[0-9a-f]{32}(?:\.|$)/;
const longestHead = 64 + 1 + 15 + 1;

interface Kept {
  readonly digest: Digest;
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * Manifests that follow each other, in one file, so that a thousand are read in one go: each a line with its digest and its
 * number. What is found is proven against its digest each time; a lost or damaged pack costs time only. Commands side by
 * side append to the same file, each what it has read.
 */
export class ManifestPack {
  readonly #file: string;
  readonly #known = new Map<Digest, Kept>();
  readonly #numbers = new Set<number>();
  #fresh: Kept[] = [];
  #size = 0;
  /** Lines in it are of no use. */
  #untidy = false;
  #opening: Promise<void> | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads the file, the first time; to be called before all else. */
  open(): Promise<void> {
    this.#opening ??= this.#load();
    return this.#opening;
  }

  find(digest: Digest): Buffer | undefined {
    const kept = this.#known.get(digest);
    if (!kept || digestOf(kept.bytes) === digest) return kept?.bytes;
    this.#known.delete(digest);
    this.#untidy = true;
    return undefined;
  }

  /** Numbers of what is here. A hint: another row of manifests may have had the same name before. */
  get numbers(): ReadonlySet<number> {
    return this.#numbers;
  }

  keep(digest: Digest, number: number, bytes: Uint8Array): void {
    const known = this.#known.get(digest);
    // envctl writes a manifest in one line.
    if (known?.bytes.equals(bytes) || bytes.includes(newline)) return;
    if (known) this.#untidy = true;
    const kept = { digest, number, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    this.#add(kept);
    this.#fresh.push(kept);
  }

  /** Writes what is new. A cache that can't be written is no reason to fail. */
  async save(): Promise<void> {
    if (this.#fresh.length === 0) return;
    const added = Buffer.concat(this.#fresh.flatMap(lineOf));
    this.#fresh = [];
    try {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      if (this.#size === 0) await removeForgotten(dirname(this.#file));
      if (this.#untidy || this.#size + added.length > largest) await this.#rewrite();
      else await this.#append(added);
    } catch {
      // A read-only home or a full disk: the registry is asked each time.
    }
  }

  /** In one call, so that what others append at the same time stands before or behind it. */
  async #append(lines: Buffer): Promise<void> {
    const file = await open(this.#file, "a", 0o600);
    try {
      await file.write(lines);
      this.#size += lines.length;
    } finally {
      await file.close();
    }
  }

  async #rewrite(): Promise<void> {
    const newest = [...this.#known.values()].sort((left, right) => right.number - left.number);
    const lines: Buffer[] = [];
    let size = 0;
    for (const kept of newest) {
      if (digestOf(kept.bytes) !== kept.digest) continue;
      const line = Buffer.concat(lineOf(kept));
      if (size + line.length > leftThen) break;
      size += line.length;
      lines.push(line);
    }
    const temporary = `${this.#file}.${randomUUID()}`;
    try {
      await writeFile(temporary, lines, { mode: 0o600 });
      await rename(temporary, this.#file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    this.#size = size;
    this.#untidy = false;
  }

  async #load(): Promise<void> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#file);
    } catch (error) {
      // Where it is there and cannot be read, a new one takes its place.
      this.#untidy = (error as NodeJS.ErrnoException).code !== "ENOENT";
      return;
    }
    this.#size = bytes.length;
    for (let start = 0; start < bytes.length; ) {
      const found = bytes.indexOf(newline, start);
      const end = found < 0 ? bytes.length : found;
      if (end > start) this.#read(bytes.subarray(start, end));
      start = end + 1;
    }
  }

  #read(line: Buffer): void {
    const [whole, hex, number] = head.exec(line.toString("latin1", 0, longestHead)) ?? [];
    const digest: Digest = `sha256:${hex}`;
    if (whole === undefined || this.#known.has(digest)) this.#untidy = true;
    else this.#add({ digest, number: Number(number), bytes: line.subarray(whole.length) });
  }

  #add(kept: Kept): void {
    this.#known.set(kept.digest, kept);
    this.#numbers.add(kept.number);
  }
}

/** The newline stands before: behind a line that broke off, the next begins anew. */
function lineOf({ digest, number, bytes }: Kept): Buffer[] {
  return [Buffer.from(`\n${digest.slice("sha256:".length)} ${number} `), bytes];
}

async function removeForgotten(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((found) => ours.test(found))) {
    const file = join(folder, name);
    // Another command may be at it, too.
    const found = await stat(file).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > forgottenAfter) await rm(file, { force: true });
  }
}
