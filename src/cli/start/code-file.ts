import { hash, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Where a chunk's code is: its first byte behind the index, its length, and its SHA-256. */
type Place = readonly [start: number, length: number, hash: string];

/** The index's length comes first, in four bytes. */
const prefix = 4;

/**
 * A file of compiled code by chunk: an index, and behind it what V8 made. V8 believes what it is given, and a wrong byte ends
 * the process: so nothing is read that another user could have written, and nothing whose hash is another.
 */
export class CodeFile {
  readonly #descriptor: number;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #start: number;
  readonly #size: number;

  private constructor(descriptor: number, size: number) {
    this.#descriptor = descriptor;
    this.#size = size;
    const length = this.#bytes(0, prefix).readUInt32LE();
    this.#start = prefix + length;
    this.#places = new Map(JSON.parse(this.#bytes(prefix, length).toString("latin1")) as [string, Place][]);
  }

  /** Undefined if there is none, or none that may be believed. It stays open. */
  static open(path: string): CodeFile | undefined {
    let descriptor: number | undefined;
    try {
      if (!isPrivate(lstatSync(dirname(path)))) return undefined;
      descriptor = openSync(path, "r");
      const stats = fstatSync(descriptor);
      if (isPrivate(stats)) return new CodeFile(descriptor, stats.size);
    } catch {
      // Missing, or damaged: the code is compiled anew, and the file written anew.
    }
    if (descriptor !== undefined) closeSync(descriptor);
    return undefined;
  }

  get chunks(): Iterable<string> {
    return this.#places.keys();
  }

  /** The code of a chunk, as it was written; undefined if it is not there, or is damaged. */
  read(chunk: string): Buffer | undefined {
    const place = this.#places.get(chunk);
    if (!place) return undefined;
    try {
      const [start, length, expected] = place;
      const code = this.#bytes(this.#start + start, length);
      return hashOf(code) === expected ? code : undefined;
    } catch {
      return undefined;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #bytes(start: number, length: number): Buffer {
    if (!(start + length <= this.#size)) throw new RangeError("the file is shorter than it says");
    const bytes = Buffer.allocUnsafeSlow(length);
    readSync(this.#descriptor, bytes, 0, length, start);
    return bytes;
  }
}

/**
 * Writes such a file in one step; its folder is there, and nobody else's. `codes` is asked only once the disk has let us begin.
 * Throws what the file system says.
 */
export function writeCodeFile(path: string, codes: () => ReadonlyMap<string, Buffer>): void {
  if (!isPrivate(lstatSync(dirname(path)))) throw new Error(`${dirname(path)} can be written by others`);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    const places: [string, Place][] = [];
    const parts: Buffer[] = [];
    let end = 0;
    for (const [chunk, code] of codes()) {
      places.push([chunk, [end, code.length, hashOf(code)]]);
      parts.push(code);
      end += code.length;
    }
    const index = Buffer.from(JSON.stringify(places), "latin1");
    const length = Buffer.alloc(prefix);
    length.writeUInt32LE(index.length);
    writeFileSync(descriptor, Buffer.concat([length, index, ...parts]));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function hashOf(code: Buffer): string {
  return hash("sha256", code, "base64");
}

/** Whether nobody but us can write it. Windows has no such numbers, and keeps a profile from other users by itself. */
function isPrivate({ uid, mode }: Stats): boolean {
  const user = process.geteuid?.();
  return user === undefined || (uid === user && (mode & 0o022) === 0);
}
