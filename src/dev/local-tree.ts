import { lstatSync } from "node:fs";
import { join } from "node:path";
import { type ContextSource, findIgnoreFile, resolveRoot } from "../build/context.ts";
import { DockerIgnore } from "../build/dockerignore.ts";
import { type HashedFiles, hashFiles } from "../build/hash-files.ts";
import { StatCache } from "../build/stat-cache.ts";
import { type LocalEntry, localEntry, sameEntry, type Tree } from "../build/tree.ts";
import { type ContextEntry, Walk } from "../build/walk.ts";
import { topmost } from "./topmost.ts";

export interface LocalTreeOptions {
  /** Where stamps are remembered (`cacheDirectory(variables)`); undefined reads every file. */
  readonly cacheDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Refreshed {
  readonly tree: Tree;
  /** Relative paths that differ from the tree before. */
  readonly changed: readonly string[];
  /** Files that changed while they were read: look at them again. */
  readonly unsettled: readonly string[];
  /** The ignore file changed: `Watch.rejudge()` is to be called. */
  readonly ignoreChanged: boolean;
  /** What may not be read, and could be before. */
  readonly notes: readonly string[];
}

/** Beyond this many paths one walk through everything is cheaper than many through parts. */
const manyPaths = 200;

/** The build context as it is on disk, kept up to date by looking again at what may have changed. */
export class LocalTree {
  readonly #source: ContextSource;
  readonly #root: string;
  readonly #cache: StatCache;
  #tree: Tree = new Map();
  #ignore = DockerIgnore.none;
  #ignoreText: string | undefined;
  #notes: readonly string[] = [];
  /** By path: why it is passed over. */
  #unreadable: ReadonlyMap<string, string> = new Map();
  /** What a refresh that failed still has to look at. */
  #owed: Set<string> | "everything" = "everything";
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(source: ContextSource, root: string, cache: StatCache) {
    this.#source = source;
    this.#root = root;
    this.#cache = cache;
  }

  /** Throws what `listContext` throws, but for what may not be read: that is passed over with a note. */
  static async open(source: ContextSource, options: LocalTreeOptions = {}): Promise<LocalTree> {
    const root = await resolveRoot(source.context);
    const tree = new LocalTree(source, root, await StatCache.open(options.cacheDirectory, root));
    await tree.refresh("everything", options.signal);
    await tree.#cache.save(root);
    return tree;
  }

  get tree(): Tree {
    return this.#tree;
  }

  get ignore(): DockerIgnore {
    return this.#ignore;
  }

  /** Absolute, links resolved. */
  get root(): string {
    return this.#root;
  }

  /** What was left out that a person might miss, as of the last look at everything. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /**
   * Looks again at these paths (relative, with slashes) and all below them, or at everything. Calls wait for each other.
   * After an error the tree is what it was, and the next call looks at these paths, too.
   */
  async refresh(paths: Iterable<string> | "everything", signal?: AbortSignal): Promise<Refreshed> {
    const turn = this.#turn.then(() => this.#refresh(paths, signal));
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }

  async #refresh(paths: Iterable<string> | "everything", signal?: AbortSignal): Promise<Refreshed> {
    const owed = this.#owed;
    this.#owed = owed === "everything" || paths === "everything" ? "everything" : new Set([...owed, ...paths]);
    const ignoreChanged = await this.#readIgnore();
    const dirty = this.#owed === "everything" || ignoreChanged ? "everything" : this.#reachable(this.#owed);
    const before = this.#tree;
    const result =
      dirty === "everything" || dirty.length > manyPaths || dirty.includes("")
        ? await this.#lookAtAll(signal)
        : await this.#lookAt(dirty, signal);
    this.#tree = result.tree;
    this.#owed = new Set();
    const changed = [...result.tree].flatMap(([path, entry]) => (before.get(path) === entry ? [] : [path]));
    for (const path of before.keys()) if (!result.tree.has(path)) changed.push(path);
    const { tree, unsettled, notes } = result;
    return { tree, changed, unsettled, ignoreChanged, notes };
  }

  /** Whether the rules are other than before. */
  async #readIgnore(): Promise<boolean> {
    const found = await findIgnoreFile(this.#root, this.#source.dockerfile);
    if (found?.text === this.#ignoreText) return false;
    this.#ignore = found ? DockerIgnore.parse(found.text, found.file) : DockerIgnore.none;
    this.#ignoreText = found?.text;
    // Should this refresh fail, the next one must not take the new rules for the old.
    this.#owed = "everything";
    return true;
  }

  /** What lies behind a link, or where a folder was and is none any more, is looked at from there. */
  #reachable(paths: ReadonlySet<string>): readonly string[] {
    const folders = new Map<string, boolean>();
    const isFolder = (path: string) => {
      const known = folders.get(path);
      if (known !== undefined) return known;
      const found = lstatSync(join(this.#root, path), { throwIfNoEntry: false })?.isDirectory() ?? false;
      folders.set(path, found);
      return found;
    };
    return topmost(
      Array.from(paths, (path) => {
        const names = path.split("/");
        for (const index of names.keys()) {
          if (index === 0) continue;
          const folder = names.slice(0, index).join("/");
          if (!isFolder(folder)) return folder;
        }
        return path;
      }),
    );
  }

  async #lookAtAll(signal: AbortSignal | undefined): Promise<Looked> {
    await resolveRoot(this.#root);
    const look = this.#begin(signal);
    await look.walk.directory("", undefined);
    const { fresh, unsettled } = await this.#hash(look, signal);
    for (const path of look.unreadable.keys()) keepBelow(this.#tree, path, fresh);
    this.#notes = [...look.walk.notes, ...look.unreadable.values()];
    const notes = this.#tellUnreadable(look.unreadable, undefined);
    return { tree: sameAsBefore(this.#tree, fresh) ? this.#tree : fresh, unsettled, notes };
  }

  async #lookAt(paths: readonly string[], signal: AbortSignal | undefined): Promise<Looked> {
    const look = this.#begin(signal);
    for (const path of paths) await look.walk.path(path, this.#matchesAbove(path));
    const { fresh, unsettled } = await this.#hash(look, signal);
    for (const path of look.unreadable.keys()) keepBelow(this.#tree, path, fresh);
    const notes = this.#tellUnreadable(look.unreadable, paths);
    const gone = new Set(paths.flatMap((path) => this.#known(path)).filter((path) => !fresh.has(path)));
    const changed = [...fresh].some(([path, entry]) => this.#tree.get(path) !== entry);
    if (gone.size === 0 && !changed) return { tree: this.#tree, unsettled, notes };
    const tree = new Map(this.#tree);
    for (const path of gone) tree.delete(path);
    for (const [path, entry] of fresh) tree.set(path, entry);
    for (const path of paths) this.#settleFolders(path, tree);
    return { tree, unsettled, notes };
  }

  /** Of these, what is new; `paths` are those that were looked at, undefined for all. */
  #tellUnreadable(found: ReadonlyMap<string, string>, paths: readonly string[] | undefined): readonly string[] {
    const before = this.#unreadable;
    const isBelow = (path: string) => (paths ?? [""]).some((top) => top === "" || `${path}/`.startsWith(`${top}/`));
    this.#unreadable = new Map([...[...before].filter(([path]) => !isBelow(path)), ...found]);
    return [...found].flatMap(([path, note]) => (before.get(path) === note ? [] : [note]));
  }

  #begin(signal: AbortSignal | undefined): Look {
    const unreadable = new Map<string, string>();
    const walk = new Walk({
      root: this.#root,
      ignore: this.#ignore,
      signal,
      onUnreadable: (path, error) => {
        unreadable.set(path, `${JSON.stringify(path)} was passed over: ${error.message}`);
      },
    });
    return { walk, unreadable };
  }

  /** The entries with their contents; one that is as it was is the same object. What vanished since is left out. */
  async #hash(look: Look, signal: AbortSignal | undefined): Promise<{ fresh: Map<string, LocalEntry> } & Unsettled> {
    const vanished: string[] = [];
    const { contents, unsettled } = await hashFiles(this.#root, look.walk.entries, this.#cache, {
      signal,
      onUnreadable: (path, error) => {
        vanished.push(path);
        const code = error.cause instanceof Error && "code" in error.cause ? error.cause.code : undefined;
        if (code === "ENOENT" || code === "ELOOP" || code === "EISDIR") return;
        look.unreadable.set(path, `${JSON.stringify(path)} was passed over: ${error.message}`);
      },
    });
    const fresh = new Map<string, LocalEntry>();
    const away = new Set(vanished);
    for (const entry of look.walk.entries) {
      if (!away.has(entry.path)) fresh.set(entry.path, this.#same(entry, contents));
    }
    return { fresh, unsettled: [...unsettled, ...vanished.filter((path) => !look.unreadable.has(path))] };
  }

  #same(entry: ContextEntry, contents: HashedFiles["contents"]): LocalEntry {
    const now = localEntry(entry, contents);
    const before = this.#tree.get(entry.path);
    return before !== undefined && sameEntry(before, now) ? before : now;
  }

  #matchesAbove(path: string): ReturnType<DockerIgnore["judge"]>["matches"] | undefined {
    let matches: ReturnType<DockerIgnore["judge"]>["matches"] | undefined;
    for (const folder of foldersAbove(path)) matches = this.#ignore.judge(folder, matches).matches;
    return matches;
  }

  #known(path: string): readonly string[] {
    const entry = this.#tree.get(path);
    if (entry !== undefined && entry.kind !== "directory") return [path];
    return [path, ...Array.from(this.#tree.keys()).filter((other) => other.startsWith(`${path}/`))];
  }

  /** A folder counts as long as it is not excluded, or something below it is delivered. */
  #settleFolders(path: string, tree: Map<string, LocalEntry>): void {
    for (const folder of foldersAbove(path).reverse()) {
      const stats = lstatSync(join(this.#root, folder), { throwIfNoEntry: false });
      const counts =
        stats?.isDirectory() === true &&
        (!this.#ignore.excludes(folder) || Array.from(tree.keys()).some((other) => other.startsWith(`${folder}/`)));
      if (!counts) tree.delete(folder);
      else {
        const now: LocalEntry = { kind: "directory", mode: stats.mode & 0o7777 };
        if (!sameEntry(tree.get(folder), now)) tree.set(folder, now);
      }
    }
  }
}

interface Unsettled {
  readonly unsettled: readonly string[];
}

interface Looked extends Unsettled {
  readonly tree: Tree;
  readonly notes: readonly string[];
}

interface Look {
  readonly walk: Walk;
  /** By path: why. */
  readonly unreadable: Map<string, string>;
}

/** From the top down, the path itself left out. */
function foldersAbove(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join("/"));
}

/** What may not be read now counts as it did when it could be. */
function keepBelow(before: Tree, path: string, fresh: Map<string, LocalEntry>): void {
  for (const [other, entry] of before) {
    if ((other === path || other.startsWith(`${path}/`)) && !fresh.has(other)) fresh.set(other, entry);
  }
}

function sameAsBefore(before: Tree, after: Tree): boolean {
  if (before.size !== after.size) return false;
  for (const [path, entry] of after) if (before.get(path) !== entry) return false;
  return true;
}
