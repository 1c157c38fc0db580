import { posix } from "node:path";
import type { Engine } from "../engine/engine.ts";
import type { Agent } from "./agent.ts";
import type { Desired, DesiredEntry } from "./desired-tree.ts";
import { type Message, messagesFor } from "./messages.ts";
import { observe } from "./observe.ts";
import { Owners } from "./owners.ts";
import { differences, type HeldEntry, kindOf, planSync, type SyncPlan, sameDesired } from "./plan-sync.ts";
import { startAgent } from "./start-agent.ts";
import { formatMarker, readSyncedMarker, type SyncedMarker, sameMarker, unionMarkers } from "./synced-marker.ts";
import { topmost } from "./topmost.ts";

export interface ContainerTreeOptions {
  /** Where files are read from: the build context, absolute. */
  readonly root: string;
  /** What the image holds: `DesiredView.of(the tree the image was built of)`. */
  readonly image: Desired;
  /**
   * `image` for a container that was just created of that image; `unknown` for any other: what it holds is found out by
   * hashing in it. A set names container paths to find out about, such as files that changed during the build.
   */
  readonly holds: "image" | "unknown" | ReadonlySet<string>;
  /** Compress what is sent: for engines behind a network. */
  readonly compress: boolean;
  /**
   * A reference, on that engine, of an image with a static /bin/busybox (`bringBusybox`); asked for only where the
   * container's image lacks a shell or tools.
   */
  readonly busybox: () => Promise<string>;
  readonly signal: AbortSignal;
}

export interface SyncReport {
  /** Paths in the container. */
  readonly written: readonly string[];
  readonly removed: readonly string[];
  /** Bytes of files that were sent, before compression. */
  readonly bytes: number;
  /** Paths that could not be written or removed, and why; they are left alone until they change. Told once. */
  readonly refused: readonly { readonly path: string; readonly why: string }[];
  /** Folders that were to go, and stay because of what the container made in them: topmost ones. */
  readonly kept: readonly string[];
  /** Sources (relative to the context) that changed while they were sent: refresh them. */
  readonly unsettled: readonly string[];
  /** How many paths differ from the image now. */
  readonly different: number;
  readonly milliseconds: { readonly observe: number; readonly send: number; readonly total: number };
}

/** What fails is tried once more, with what is there instead of what was believed to be. */
const rounds = 2;

/** The files of one container, spoken to through one process in it. */
export class ContainerTree {
  readonly #agent: Agent;
  readonly #mounts: readonly string[];
  readonly #owners: Owners;
  readonly #options: ContainerTreeOptions;
  readonly #held: Map<string, HeldEntry>;
  /** Paths of which is not known what is there. */
  #doubt: "all" | Set<string>;
  readonly #refused = new Map<string, DesiredEntry | undefined>();
  /** Folders above what was written, which are nobody's business otherwise. */
  readonly #parents = new Set<string>();
  #marker: SyncedMarker;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    { agent, mounts }: { readonly agent: Agent; readonly mounts: readonly string[] },
    owners: Owners,
    marker: SyncedMarker | undefined,
    options: ContainerTreeOptions,
  ) {
    this.#agent = agent;
    this.#mounts = mounts;
    this.#owners = owners;
    this.#options = options;
    this.#held = new Map(options.holds === "unknown" ? [] : options.image);
    this.#doubt = options.holds === "unknown" ? "all" : new Set(options.holds === "image" ? [] : options.holds);
    this.#marker = marker ?? { changed: [], removed: [] };
  }

  /** Throws `sync-impossible` where no agent can run: a read-only root file system, or no busybox to be had. */
  static async open(engine: Engine, container: string, options: ContainerTreeOptions): Promise<ContainerTree> {
    const { signal } = options;
    const marker = options.holds === "image" ? undefined : await readSyncedMarker(engine, container, signal);
    const started = await startAgent(engine, container, options.busybox, signal);
    return new ContainerTree(started, new Owners(engine, container, signal), marker, options);
  }

  /** False once the agent has ended, as it does when the container stops or restarts: open another, with `unknown`. */
  get alive(): boolean {
    return this.#agent.alive;
  }

  /** Resolves when the agent has ended. */
  get ended(): Promise<void> {
    return this.#agent.ended;
  }

  /**
   * Makes the container hold this; sends only what differs. Calls wait for each other. What was sent before an abort
   * counts. Throws `sync-lost` where the agent ended.
   */
  async reconcile(desired: Desired, signal?: AbortSignal): Promise<SyncReport> {
    const turn = this.#turn.then(() => this.#reconcile(desired, signal));
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #reconcile(desired: Desired, signal?: AbortSignal): Promise<SyncReport> {
    const begun = performance.now();
    signal?.throwIfAborted();
    await this.#resolveDoubt(desired);
    const observed = performance.now();
    const run = new Run();
    const now = differences(this.#options.image, desired);
    for (let round = 1; round <= rounds; round += 1) {
      const plan = this.#without(
        run,
        planSync(this.#held, desired, (path, wanted) => this.#isRefused(path, wanted)),
      );
      const marker = unionMarkers(this.#marker, now);
      const failed = await this.#send(plan, desired, marker, run, signal);
      this.#marker = marker;
      if (failed.length === 0) break;
      await this.#resolveDoubt(desired);
      if (round === rounds) this.#giveUp(failed, desired, run);
    }
    await this.#shrinkMarker(now);
    const done = performance.now();
    return {
      written: run.written,
      removed: run.removed,
      bytes: run.bytes,
      refused: run.refused,
      kept: topmost(run.kept),
      unsettled: [...run.unsettled],
      different: now.changed.length + now.removed.length,
      milliseconds: { observe: observed - begun, send: done - observed, total: done - begun },
    };
  }

  /** Returns the messages that failed in whole or in part. */
  async #send(
    plan: SyncPlan,
    desired: Desired,
    marker: SyncedMarker,
    run: Run,
    signal?: AbortSignal,
  ): Promise<readonly Failed[]> {
    const failed: Failed[] = [];
    const answers: Promise<void>[] = [];
    const messages = messagesFor(plan, desired, {
      root: this.#options.root,
      compress: this.#options.compress,
      marker: sameMarker(marker, this.#marker) ? undefined : formatMarker(marker),
      isFolder: (path) => {
        const known = this.#held.get(path) ?? desired.get(path);
        return known === undefined ? this.#parents.has(path) : kindOf(known) === "directory";
      },
      ids: (entry) => this.#owners.ids(entry.owner),
      onRefused: (path, why) => this.#refuse(run, path, why, desired),
      onUnsettled: (source) => run.unsettled.add(source),
    });
    try {
      for await (const message of messages) {
        signal?.throwIfAborted();
        // Until it is acknowledged nobody knows what is there.
        for (const path of message.outcome.keys()) this.#suspect(path);
        const answer = this.#agent.ask(message.verb, message.flags, message.data).then(({ ok, lines }) => {
          if (ok) this.#accept(message, run, lines);
          else failed.push({ message, lines });
        });
        // Awaited below, in any case.
        answer.catch(() => undefined);
        answers.push(answer);
        await this.#agent.written;
        // Nothing is changed before the marker says so.
        if (message.flags.includes("m")) await answer;
        if (message.flags.includes("m") && failed.length > 0) break;
      }
    } finally {
      await Promise.allSettled(answers);
    }
    await Promise.all(answers);
    return failed;
  }

  #suspect(path: string): void {
    if (this.#doubt !== "all") this.#doubt.add(path);
  }

  #accept({ outcome, bytes }: Message, run: Run, lines: readonly string[]): void {
    run.bytes += bytes;
    const complaints = lines.filter((line) => line.endsWith(": Directory not empty"));
    for (const [path, entry] of outcome) {
      if (this.#doubt !== "all") this.#doubt.delete(path);
      if (entry === undefined) {
        this.#held.delete(path);
        if (complaints.some((line) => line.includes(`'${path}'`))) run.kept.push(path);
        else run.removed.push(path);
      } else {
        this.#held.set(path, entry);
        run.written.push(path);
        this.#parents.add(posix.dirname(path));
      }
    }
  }

  /** What still is not as it should be, after what really is there was found out, is left alone. */
  #giveUp(failed: readonly Failed[], desired: Desired, run: Run): void {
    for (const { message, lines } of failed) {
      for (const [path, entry] of message.outcome) {
        const held = this.#held.get(path);
        const done = entry === undefined ? held === undefined : held !== undefined && sameDesired(held, entry);
        // Links are never known for sure.
        const complaint = lines.find((line) => line.includes(path.slice(1)));
        if (done || (complaint === undefined && entry?.kind === "symlink")) continue;
        this.#refuse(run, path, complaint ?? lines.at(-1) ?? "it could not be written", desired);
      }
    }
  }

  async #resolveDoubt(desired: Desired): Promise<void> {
    const doubt = this.#doubt;
    if (doubt === "all" || doubt.size > 0) this.#parents.clear();
    const { image } = this.#options;
    const paths = doubt === "all" ? [...image.keys(), ...desired.keys(), ...this.#marker.changed] : [...doubt];
    if (paths.length > 0) {
      const expected = new Map<string, DesiredEntry>();
      const unique = new Set(paths);
      for (const path of unique) {
        const entry = desired.get(path) ?? image.get(path);
        if (entry) expected.set(path, entry);
      }
      const found = await observe(this.#agent, [...unique], expected, this.#owners);
      for (const path of unique) {
        const entry = found.get(path);
        if (entry) this.#held.set(path, entry);
        else this.#held.delete(path);
      }
    }
    this.#doubt = new Set();
  }

  #isRefused(path: string, wanted: DesiredEntry | undefined): boolean {
    if (!this.#refused.has(path)) return false;
    const before = this.#refused.get(path);
    if (before === wanted || (before !== undefined && wanted !== undefined && sameDesired(before, wanted))) return true;
    this.#refused.delete(path);
    return false;
  }

  #refuse(run: Run, path: string, why: string, desired: Desired): void {
    this.#refused.set(path, desired.get(path));
    run.refused.push({ path, why });
  }

  /** To clear a folder on which a volume is mounted would take away what is in the volume. */
  #without(run: Run, plan: SyncPlan): SyncPlan {
    const kept = plan.clear.filter((path) => this.#mounts.some((mount) => `${mount}/`.startsWith(`${path}/`)));
    if (kept.length === 0) return plan;
    for (const path of kept) run.refused.push({ path, why: "a volume is mounted there" });
    const rest = (paths: readonly string[]) => paths.filter((path) => !kept.includes(path));
    return { ...plan, clear: rest(plan.clear), files: rest(plan.files), symlinks: rest(plan.symlinks) };
  }

  /** Before a change the marker names all that differs or may; after it only what does. */
  async #shrinkMarker(now: SyncedMarker): Promise<void> {
    if (sameMarker(now, this.#marker)) return;
    const nothing: SyncPlan = { remove: [], clear: [], prune: [], directories: [], symlinks: [], files: [] };
    await this.#send(nothing, new Map(), now, new Run());
    this.#marker = now;
  }
}

interface Failed {
  readonly message: Message;
  readonly lines: readonly string[];
}

/** What one call has done so far. */
class Run {
  readonly written: string[] = [];
  readonly removed: string[] = [];
  readonly refused: { readonly path: string; readonly why: string }[] = [];
  readonly kept: string[] = [];
  readonly unsettled = new Set<string>();
  bytes = 0;
}
