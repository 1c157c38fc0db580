import type { Engine } from "../engine/engine.ts";
import type { Desired } from "./desired-tree.ts";

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
  /** Sources (relative to the context) that changed while they were sent: refresh them. */
  readonly unsettled: readonly string[];
  /** How many paths differ from the image now. */
  readonly different: number;
  readonly milliseconds: { readonly observe: number; readonly send: number; readonly total: number };
}

/** The files of one container, spoken to through one process in it. */
export class ContainerTree {
  /** Throws `sync-impossible` where no agent can run: a read-only root file system, or no busybox to be had. */
  static async open(_engine: Engine, _container: string, _options: ContainerTreeOptions): Promise<ContainerTree> {
    throw new Error("to come");
  }

  /** False once the agent has ended, as it does when the container stops or restarts: open another, with `unknown`. */
  get alive(): boolean {
    throw new Error("to come");
  }
  /** Resolves when the agent has ended. */
  get ended(): Promise<void> {
    throw new Error("to come");
  }

  /** Makes the container hold this; sends only what differs. Calls wait for each other. Throws `sync-lost` where the agent ended. */
  async reconcile(_desired: Desired, _signal?: AbortSignal): Promise<SyncReport> {
    throw new Error("to come");
  }

  async close(): Promise<void> {
    throw new Error("to come");
  }
}
