import { openSync, readSync } from "node:fs";
import { join } from "node:path";

/** What `build.mjs` knows of the program. */
export interface Program {
  /** Its name tells its content: it ends in a hash of it. */
  readonly file: string;
  /** The chunk that the others are loaded from. */
  readonly entry: string;
  /** By the name by which chunks ask for one another: first byte, length, and the line it begins in (from 0). */
  readonly chunks: Readonly<Record<string, readonly [start: number, length: number, line: number]>>;
}

/**
 * The one file with the program's chunks. It stays open, so that a chunk is the one of this build for as long as the process
 * lives, whatever becomes of the installation.
 */
export class ProgramFile {
  readonly path: string;
  readonly #program: Program;
  readonly #descriptor: number;
  /** One for all chunks: memory that was touched before costs less. */
  #bytes = Buffer.alloc(0);

  constructor(folder: string, program: Program) {
    this.path = join(folder, program.file);
    this.#program = program;
    this.#descriptor = openSync(this.path, "r");
  }

  /** The chunk's source and its first line; undefined for a name that is no chunk's. */
  read(name: string): { readonly source: string; readonly line: number } | undefined {
    const place = this.#program.chunks[name];
    if (place === undefined) return undefined;
    const [start, length, line] = place;
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length);
    const read = readSync(this.#descriptor, this.#bytes, 0, length, start);
    if (read < length)
      throw new Error(`${this.path} is shorter than it was made: this installation of envctl is damaged`);
    return { source: this.#bytes.toString("latin1", 0, length), line };
  }
}
