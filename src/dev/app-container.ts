import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import { workloadOf } from "../plan/observed.ts";
import { ContainerTree, type SyncReport } from "./container-tree.ts";
import type { ContainerState } from "./decide.ts";
import type { Desired, DesiredEntry } from "./desired-tree.ts";
import { Owners } from "./owners.ts";
import { differences, sameDesired } from "./plan-sync.ts";
import type { SyncRules } from "./sync-rules.ts";
import { formatMarker, markerPath } from "./synced-marker.ts";

/** What a container is to hold, and what its image does. */
export interface WantedFiles {
  /** Folder that the sources are relative to, absolute. */
  readonly root: string;
  readonly version: number;
  /** For the app, or the worker of this name. */
  rulesFor(workload: string): SyncRules;
  readonly desired: Desired;
  readonly image: Desired;
}

/** What came of bringing a container up to date. */
export interface Synced {
  readonly report: SyncReport;
  /** Sources whose files were written or removed. */
  readonly files: readonly string[];
  /** Folders that stay for what the container made in them, and of which that is not known yet. */
  readonly kept: readonly string[];
  /** What has to follow, by the rules. */
  readonly restart: boolean;
  readonly run: readonly (readonly string[])[];
}

export interface OpenFiles {
  readonly holds: "image" | "unknown" | ReadonlySet<string>;
  readonly compress: boolean;
  readonly busybox: () => Promise<string>;
  readonly signal: AbortSignal;
}

/** A container of the app, and the way into it. */
export class AppContainer {
  readonly engine: Engine;
  observed: ObservedContainer;
  /** It was made while we watched, of an image whose files are known, and nothing has been written into it yet. */
  fresh: boolean;
  files: ContainerState["files"] = "closed";
  busy = false;
  /** Our own restarts that have begun, and that have ended: what its engine tells of it meanwhile is no news. */
  readonly restarts = { begun: 0, ended: 0 };
  /** -1 before the first sync. */
  version = -1;
  /** Files that differ from the image. */
  different = 0;
  health: "starting" | "healthy" | "unhealthy" = "healthy";
  #tree: ContainerTree | undefined;
  #held: Desired | undefined;
  readonly #kept = new Set<string>();

  constructor(engine: Engine, observed: ObservedContainer, fresh: boolean) {
    this.engine = engine;
    this.observed = observed;
    this.fresh = fresh;
  }

  get id(): string {
    return this.observed.id;
  }

  get digest(): string | undefined {
    return this.observed.labels[Label.digest];
  }

  /** What a change means to the program that runs in it. */
  rules(wanted: WantedFiles): SyncRules {
    return wanted.rulesFor(workloadOf(this.observed));
  }

  state(digest: string | undefined): ContainerState {
    return {
      id: this.id,
      running: this.observed.state === "running",
      crashed: this.observed.state === "restarting",
      ours: this.digest === digest,
      files: this.files,
      busy: this.busy,
      version: this.version,
    };
  }

  /** Resolves with a promise of the end. Throws what `ContainerTree.open` throws. */
  async open(wanted: WantedFiles, options: OpenFiles): Promise<{ readonly ended: Promise<void> }> {
    const { holds, compress, busybox, signal } = options;
    const tree = await ContainerTree.open(this.engine, this.id, {
      root: wanted.root,
      image: wanted.image,
      holds,
      compress,
      busybox,
      signal,
    });
    this.#tree = tree;
    this.#held = wanted.image;
    this.fresh = false;
    // What it holds is not known to be what it held: the next sync is over everything.
    this.version = Math.min(this.version, 0);
    this.files = "open";
    return {
      ended: tree.ended.then(() => {
        if (this.#tree === tree) this.closed();
      }),
    };
  }

  /** Nothing can be said of its files any more, but that they are what they were. */
  closed(): void {
    this.#tree = undefined;
    if (this.files === "open") this.files = "closed";
  }

  async close(): Promise<void> {
    const tree = this.#tree;
    this.closed();
    await tree?.close();
  }

  /** Starts its process anew, by `work`, and looks at it afterwards. */
  async restart<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.health = "starting";
    this.restarts.begun += 1;
    try {
      const result = await work();
      const observed = await this.engine.container(this.id, signal);
      if (observed) this.observed = observed;
      return result;
    } finally {
      this.restarts.ended += 1;
    }
  }

  /** Throws `sync-lost`. */
  async sync(wanted: WantedFiles, signal: AbortSignal): Promise<Synced> {
    const tree = this.#tree;
    if (!tree) throw new RangeError("its files are not open");
    const before = this.#held ?? wanted.image;
    const report = await tree.reconcile(wanted.desired, signal);
    this.#held = wanted.desired;
    this.version = wanted.version;
    this.different = report.different;
    const kept = report.kept.filter((path) => !this.#kept.has(path));
    for (const path of kept) this.#kept.add(path);
    return { report, kept, ...consequences(report, before, wanted, this.rules(wanted)) };
  }

  /**
   * Writes the files that changed since it ended, as their owners' whom the image knows: the program may be unable to read
   * them otherwise, and end again. Returns the sources; undefined where something was deleted that it may end for: no
   * engine takes a file out of a container that does not run.
   */
  async writeStopped(wanted: WantedFiles, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const before = this.#held ?? wanted.image;
    if ([...before].some(([path, { kind }]) => kind !== "directory" && !wanted.desired.has(path))) {
      this.version = wanted.version;
      return undefined;
    }
    const changed = [...wanted.desired].flatMap(([path, entry]) => {
      const held = before.get(path);
      const same = held !== undefined && sameDesired(held, entry);
      return entry.kind === "file" && !same ? [{ path, entry }] : [];
    });
    const owners = new Owners(this.engine, this.id, signal);
    const files = await Promise.all(
      changed.map(async ({ path, entry }) => ({
        path,
        content: await readFile(join(wanted.root, entry.source)),
        mode: entry.mode,
        owner: await owners.ids(entry.owner),
      })),
    );
    if (files.length > 0) {
      const marker = formatMarker(differences(wanted.image, wanted.desired));
      // First of all it says that it is no longer what its image is.
      await this.engine.writeFiles(this.id, [{ path: markerPath, content: marker }], signal);
      await this.engine.writeFiles(this.id, files, signal);
    }
    this.version = wanted.version;
    return changed.map(({ entry }) => entry.source);
  }
}

/** What the rules ask for after what was really done; a folder that comes or goes is nobody's concern. */
function consequences(
  report: Pick<SyncReport, "written" | "removed">,
  before: Desired,
  { desired, image }: WantedFiles,
  rules: SyncRules,
): Omit<Synced, "report" | "kept"> {
  const touched = new Map<string, DesiredEntry>();
  for (const path of report.written) note(touched, desired.get(path));
  for (const path of report.removed) note(touched, before.get(path) ?? image.get(path));
  const run = new Map<string, readonly string[]>();
  let restart = false;
  for (const [source, { kind }] of touched) {
    const verdict = rules.judge(source, kind);
    if (verdict.action !== "sync") continue;
    restart ||= verdict.restart;
    for (const command of verdict.run) run.set(JSON.stringify(command), command);
  }
  return { files: [...touched.keys()].sort(), restart, run: [...run.values()] };
}

function note(touched: Map<string, DesiredEntry>, entry: DesiredEntry | undefined): void {
  if (entry && entry.kind !== "directory") touched.set(entry.source, entry);
}
