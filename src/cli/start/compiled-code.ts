import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Script } from "node:vm";
import { CodeFile, writeCodeFile } from "./code-file.ts";

/** How many files of other builds, or other versions of Node, are kept: about 2 MB each. */
const others = 4;

/** How long nothing new was loaded until what was is saved, in milliseconds. V8 drops code that was not called for some time. */
const quiet = 5_000;

/**
 * What V8 compiled in earlier runs, so that this one need not. It is about time only: where it is missing, damaged, refused
 * or cannot be written, everything is as it would be without.
 */
export class CompiledCode {
  readonly #folder: string;
  readonly #path: string;
  readonly #before: CodeFile | undefined;
  readonly #fresh = new Map<string, Script>();
  #later: NodeJS.Timeout | undefined;

  /** `build` names the program and what compiles it: code of one is nothing to another. */
  constructor(folder: string, build: string) {
    this.#folder = folder;
    this.#path = join(folder, build);
    this.#before = CodeFile.open(this.#path);
  }

  find(chunk: string): Buffer | undefined {
    return this.#before?.read(chunk);
  }

  /** Tells that a chunk had to be compiled: the next `save` keeps what has run of it by then. */
  add(chunk: string, script: Script): void {
    this.#fresh.set(chunk, script);
    // What runs for hours, or is killed one day, has its code saved all the same.
    this.#later ??= setTimeout(() => this.save(), quiet).unref();
    this.#later.refresh();
  }

  /** Saves what was compiled in this run, beside what others saved. */
  save(): void {
    clearTimeout(this.#later);
    if (this.#fresh.size === 0) return;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeCodeFile(this.#path, () => this.#codes());
      this.#sweep();
    } catch {
      // A home that cannot be written, a full disk: the next run compiles, too.
    }
    this.#fresh.clear();
  }

  #codes(): ReadonlyMap<string, Buffer> {
    const codes = new Map<string, Buffer>();
    // Read again: others may have saved since.
    const now = CodeFile.open(this.#path);
    for (const chunk of now?.chunks ?? []) {
      const code = this.#fresh.has(chunk) ? undefined : now?.read(chunk);
      if (code) codes.set(chunk, code);
    }
    now?.close();
    for (const [chunk, script] of this.#fresh) codes.set(chunk, script.createCachedData());
    return codes;
  }

  /** Removes all but the newest, and what killed processes left. */
  #sweep(): void {
    const files = readdirSync(this.#folder)
      .map((name) => join(this.#folder, name))
      .filter((path) => path !== this.#path)
      .map((path) => ({ path, modified: statSync(path).mtimeMs }));
    files.sort((one, other) => other.modified - one.modified);
    for (const { path } of files.slice(others)) rmSync(path, { force: true });
  }
}
