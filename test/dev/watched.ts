import { setTimeout } from "node:timers/promises";
import { diffTrees } from "../../src/build/tree.ts";
import type { WatchFolder } from "../../src/dev/directory-watches.ts";
import { LocalTree } from "../../src/dev/local-tree.ts";
import { type Batch, type Watch, watchTree } from "../../src/dev/watch-tree.ts";
import type { Folder } from "../build/folder.ts";

/** A folder that is watched, and the tree that is kept of it by its batches alone. */
export class Watched implements AsyncDisposable {
  readonly local: LocalTree;
  readonly batches: Batch[] = [];
  /** Paths that changed, batch by batch; batches that changed nothing are left out. */
  readonly changes: (readonly string[])[] = [];
  readonly notes: string[] = [];
  readonly #stop = new AbortController();
  readonly #folder: Folder;
  #watch: Watch | undefined;
  /** Called with each batch's changes. */
  onChange: () => Promise<void> = async () => {};

  private constructor(folder: Folder, local: LocalTree) {
    this.#folder = folder;
    this.local = local;
  }

  static async of(
    folder: Folder,
    { watch, dockerfile = "Dockerfile" }: { readonly watch?: WatchFolder; readonly dockerfile?: string } = {},
  ): Promise<Watched> {
    const source = { context: folder.path, dockerfile: folder.join(dockerfile) };
    const watched = new Watched(folder, await LocalTree.open(source));
    await watched.#start(`${watched.local.root}/${dockerfile}`, watch);
    return watched;
  }

  get watch(): Watch {
    if (!this.#watch) throw new Error("it is not watched yet");
    return this.#watch;
  }

  /** Resolves when the tree is what a fresh look at the disk says; rejects with the difference after `patience` ms. */
  async converged(patience = 5_000): Promise<void> {
    const end = performance.now() + patience;
    for (;;) {
      const source = { context: this.#folder.path, dockerfile: this.#folder.join("Dockerfile") };
      const fresh = await LocalTree.open(source);
      const { changed, removed } = diffTrees(this.local.tree, fresh.tree);
      if (changed.length + removed.length === 0) return;
      if (performance.now() > end) {
        throw new Error(
          `not seen: ${changed.length} changed, ${removed.length} removed, such as ${changed[0] ?? removed[0]}`,
        );
      }
      await setTimeout(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
  }

  async #start(dockerfile: string, watch: WatchFolder | undefined): Promise<void> {
    const root = this.local.root;
    this.#watch = await watchTree({
      root,
      ignore: () => this.local.ignore,
      files: [dockerfile, `${root}/.dockerignore`],
      signal: this.#stop.signal,
      ...(watch ? { watch } : {}),
      onDirty: async (batch) => {
        this.batches.push(batch);
        const { changed, ignoreChanged, notes } = await this.local.refresh(batch.dirty);
        this.notes.push(...notes);
        if (ignoreChanged) this.#watch?.rejudge();
        if (changed.length > 0) this.changes.push(changed);
        await this.onChange();
      },
      onNote: (text) => this.notes.push(text),
    });
  }
}
