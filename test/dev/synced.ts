import { setTimeout } from "node:timers/promises";
import type { ContainerTree, SyncReport } from "../../src/dev/container-tree.ts";
import { type Desired, DesiredView } from "../../src/dev/desired-tree.ts";
import type { SyncRules } from "../../src/dev/sync-rules.ts";
import type { Folder } from "../build/folder.ts";
import { syncAllTo } from "./copied-rules.ts";
import { expectedListing, type Sandbox } from "./sandbox.ts";
import { Watched } from "./watched.ts";

/** A folder kept in a container: watched, and synced batch by batch, as the dev loop does it. */
export class Synced implements AsyncDisposable {
  readonly reports: SyncReport[] = [];
  readonly watched: Watched;
  readonly #sandbox: Sandbox;
  readonly #view: DesiredView;
  readonly #image: Desired;
  #container: string;
  #tree: ContainerTree;

  private constructor(
    sandbox: Sandbox,
    watched: Watched,
    view: DesiredView,
    image: Desired,
    container: string,
    tree: ContainerTree,
  ) {
    this.#sandbox = sandbox;
    this.watched = watched;
    this.#view = view;
    this.#image = image;
    this.#container = container;
    this.#tree = tree;
    watched.onChange = () => this.sync();
  }

  /** `container` was just made of an image that holds nothing of the folder. */
  static async of(
    sandbox: Sandbox,
    folder: Folder,
    container: string,
    rules: SyncRules = syncAllTo("/app"),
  ): Promise<Synced> {
    const watched = await Watched.of(folder);
    const tree = await sandbox.tree(container, { root: watched.local.root });
    const synced = new Synced(sandbox, watched, new DesiredView(rules), new Map(), container, tree);
    await synced.sync();
    return synced;
  }

  get tree(): ContainerTree {
    return this.#tree;
  }

  /** Once; a container that cannot be spoken to now gets everything at the next `attach`. */
  async sync(): Promise<void> {
    try {
      for (let again: readonly string[] = [], round = 0; round < 5 && (round === 0 || again.length > 0); round += 1) {
        if (again.length > 0) await this.watched.local.refresh(again);
        const report = await this.#tree.reconcile(this.#view.of(this.watched.local.tree));
        this.reports.push(report);
        again = report.unsettled;
      }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "sync-lost")) throw error;
    }
  }

  /** After a restart, a crash, or with another container. */
  async attach(container = this.#container, holds: "image" | "unknown" = "unknown"): Promise<void> {
    await this.#tree.close();
    this.#container = container;
    this.#tree = await this.#sandbox.tree(container, { root: this.watched.local.root, image: this.#image, holds });
    await this.sync();
  }

  /** Resolves once the container holds what is on disk; rejects with the difference. */
  async converged(folder = "/app", patience = 10_000): Promise<void> {
    await this.watched.converged(patience);
    const end = performance.now() + patience;
    for (;;) {
      const wanted = JSON.stringify(
        Object.entries(expectedListing(this.#view.of(this.watched.local.tree), folder)).sort(),
      );
      const found = JSON.stringify(Object.entries(await this.#sandbox.list(this.#container, folder)).sort());
      if (wanted === found) return;
      if (performance.now() > end) throw new Error(`the container differs:\nwanted ${wanted}\nfound  ${found}`);
      await setTimeout(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watched[Symbol.asyncDispose]();
    await this.#tree.close();
  }
}
