import { EnvctlError, messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { AppContainer, OpenFiles, WantedFiles } from "./app-container.ts";
import { awaitHealth, type BringOptions, type Brought, bringFiles, restart } from "./bring-files.ts";
import type { DevListener, DevStatus } from "./dev-event.ts";
import { EditStatistics } from "./edit-times.ts";
import { PendingEdits } from "./pending-edits.ts";

/** What the loop knows at the moment it is asked. */
export interface WorkSurroundings {
  /** Undefined while no image is known. */
  files(): WantedFiles | undefined;
  options(): BringOptions;
  /** What a container that was just made holds: see `ContainerTreeOptions.holds`. */
  freshHolds(): OpenFiles["holds"];
  busybox(engine: Engine): Promise<string>;
  /** The lowest version that any of the containers has. */
  version(): number;
  /** The app answers with these sources. */
  onReady(files: readonly string[]): void;
  /** Sources that changed while they were read. */
  onUnsettled(sources: readonly string[]): void;
  /** No sync can bring it up to date: another is to take its place. */
  onStuck(): void;
  /** Something is other than it was. */
  onChange(): void;
}

/** Milliseconds until a container that could not be opened is tried again. */
const reopenPause = 1000;

/** What is done in the app's containers, one thing at a time in each. */
export class ContainerWork {
  readonly edits = new PendingEdits();
  lastSync: DevStatus["lastSync"];
  readonly #around: WorkSurroundings;
  readonly #statistics = new EditStatistics();
  readonly #healthWaits = new Map<string, AbortController>();
  readonly #under = new Set<Promise<void>>();
  /** Whose restart was asked for while something else was done in them. */
  readonly #owedRestarts = new Set<AppContainer>();

  constructor(around: WorkSurroundings) {
    this.#around = around;
  }

  get p95(): number | undefined {
    return this.#statistics.p95;
  }

  get idle(): boolean {
    return this.#under.size === 0;
  }

  /** Resolves when nothing is under way any more. */
  async end(): Promise<void> {
    for (const wait of this.#healthWaits.values()) wait.abort();
    while (this.#under.size > 0) await Promise.allSettled(this.#under);
  }

  open(container: AppContainer): void {
    container.files = "opening";
    this.#begin(async () => {
      const { signal, clock, listener } = this.#around.options();
      const wanted = this.#around.files();
      const since = container.observed.startedAt?.getTime();
      try {
        if (!wanted) return;
        const holds = container.fresh ? this.#around.freshHolds() : "unknown";
        const busybox = () => this.#around.busybox(container.engine);
        const { ended } = await container.open(wanted, { holds, compress: false, busybox, signal });
        void ended.then(() => this.#around.onChange());
      } catch (error) {
        signal.throwIfAborted();
        // A program that ends at once takes with it whatever runs beside it: that says nothing of what could be.
        const stays = await staysUp(container, since, signal);
        if (stays && error instanceof EnvctlError && error.code === "sync-impossible") {
          giveUp(container, error, listener);
          return;
        }
        // It is about to end, or its engine is: who listens to events sees what becomes of it.
        await clock.wait(reopenPause, signal);
      } finally {
        if (container.files === "opening") container.files = "closed";
      }
    });
  }

  sync(container: AppContainer): void {
    this.#alone(container, async () => {
      const wanted = this.#around.files();
      if (!wanted) return;
      const begun = performance.now();
      const options = this.#around.options();
      try {
        const brought = await bringFiles(container, wanted, options);
        if (brought.report.unsettled.length > 0) this.#around.onUnsettled(brought.report.unsettled);
        this.#finish(container, brought, begun, wanted);
      } catch (error) {
        options.signal.throwIfAborted();
        await container.close();
        // What was lost is found out and sent again once it can be opened.
        if (!(error instanceof EnvctlError)) throw error;
        if (error.code !== "sync-lost") options.listener({ type: "note", text: messageOf(error) });
      }
    });
  }

  /** A program that ends at once because of a mistake must not keep its correction out. */
  revive(container: AppContainer): void {
    this.#alone(container, async () => {
      const wanted = this.#around.files();
      if (!wanted) return;
      const { signal, clock, listener } = this.#around.options();
      const begun = performance.now();
      let files: readonly string[] | undefined;
      try {
        files = await container.writeStopped(wanted, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof EnvctlError && error.code === "engine-refused") return giveUp(container, error, listener);
        await clock.wait(reopenPause, signal);
        throw error;
      }
      if (files === undefined) return this.#around.onStuck();
      if (files.length === 0) return;
      const at = await container.restart(async () => {
        await container.engine.restartContainer(container.id, 0, signal);
        return performance.now();
      }, signal);
      listener({ type: "restarted", host: container.engine.name, milliseconds: at - begun, killed: true });
      const report = { written: files, removed: [], bytes: 0, different: container.different };
      this.#finish(container, { report, files, restart: true, sentAt: at, restartedAt: at }, begun, wanted);
    });
  }

  /** Starts the process anew, because a person asked for it; once what is under way is done. */
  restart(container: AppContainer): void {
    if (container.busy) {
      this.#owedRestarts.add(container);
      return;
    }
    this.#alone(container, async () => {
      const options = this.#around.options();
      const begun = performance.now();
      const { killed } = await restart(container, options);
      const milliseconds = performance.now() - begun;
      options.listener({ type: "restarted", host: container.engine.name, milliseconds, killed });
      this.#begin(async () => {
        const problem = await this.#health(container, options);
        if (problem !== undefined) options.listener({ type: "note", text: `the app is not healthy: ${problem}` });
        else this.#around.onReady([]);
      });
    });
  }

  #finish(
    container: AppContainer,
    brought: Omit<Brought, "report" | "run" | "kept"> & {
      readonly report: Pick<Brought["report"], "written" | "removed" | "bytes" | "different">;
    },
    begun: number,
    wanted: WantedFiles,
  ): void {
    const { report, sentAt, restartedAt } = brought;
    const edit = this.edits.settle(this.#around.version());
    if (report.written.length + report.removed.length === 0) return;
    const options = this.#around.options();
    const since = edit?.detectedAt ?? begun;
    this.#begin(async () => {
      // A program that looks at its files itself may be starting anew just now: its answer is what counts.
      const asks =
        restartedAt !== undefined ||
        (container.rules(wanted).program.kind === "reloads" && container.health === "healthy");
      const problem = asks ? await this.#health(container, options) : undefined;
      const readyAt = asks ? performance.now() : sentAt;
      this.lastSync = { at: options.clock.now(), milliseconds: readyAt - since };
      if (problem === undefined) this.#statistics.add(readyAt - since);
      options.listener({
        type: "synced",
        host: container.engine.name,
        files: brought.files,
        written: report.written.length,
        removed: report.removed.length,
        bytes: report.bytes,
        different: report.different,
        heldByGit: edit?.heldByGit ?? 0,
        times: {
          detected: (edit?.readAt ?? begun) - since,
          sent: sentAt - since,
          restarted: restartedAt === undefined ? undefined : restartedAt - since,
          ready: readyAt - since,
        },
        problem,
      });
      if (problem === undefined) this.#around.onReady(brought.files);
    });
  }

  /** One wait a container: a newer one ends the one before. */
  async #health(container: AppContainer, options: BringOptions): Promise<string | undefined> {
    this.#healthWaits.get(container.id)?.abort();
    const wait = new AbortController();
    this.#healthWaits.set(container.id, wait);
    return await awaitHealth(container, options, AbortSignal.any([options.signal, wait.signal]));
  }

  #alone(container: AppContainer, work: () => Promise<void>): void {
    container.busy = true;
    this.#begin(async () => {
      try {
        await work();
      } finally {
        container.busy = false;
        const owed = this.#owedRestarts.delete(container);
        if (owed && !this.#around.options().signal.aborted) this.restart(container);
      }
    });
  }

  #begin(work: () => Promise<void>): void {
    const promise = work()
      .catch((error: unknown) => {
        const { signal, listener } = this.#around.options();
        if (!signal.aborted) listener({ type: "note", text: messageOf(error) });
      })
      .finally(() => {
        this.#under.delete(promise);
        this.#around.onChange();
      });
    this.#under.add(promise);
  }
}

/** Nothing can be written into it: from now on every change is built. */
function giveUp(container: AppContainer, error: EnvctlError, listener: DevListener): void {
  container.files = "impossible";
  listener({ type: "note", text: `${messageOf(error)}: every change makes a rebuild` });
}

/** Whether the process that was started then still runs. */
async function staysUp({ engine, id }: AppContainer, since: number | undefined, signal: AbortSignal): Promise<boolean> {
  const now = await engine.container(id, signal).catch(() => undefined);
  return now?.state === "running" && now.startedAt?.getTime() === since;
}
