import type { ModeChange } from "./mode.ts";

/** Names or numbers, as `COPY --chown` takes them. */
export interface Owner {
  readonly user: string;
  /** Undefined for the user's own group, as the image's list of users has it. */
  readonly group: string | undefined;
}

/** Where a file of the build context stands in the container, and as whose. */
export interface SyncTarget {
  /** Absolute. */
  readonly path: string;
  /** Undefined for root, numbers 0 and 0. */
  readonly owner: Owner | undefined;
  /** What the image makes of its permission bits (`--chmod`, a later `chmod`): for `applyMode`. Undefined where it keeps them. */
  readonly mode: ModeChange | undefined;
  /** Of two files with the same path in the container, the image has that of the higher layer. */
  readonly layer: Layer;
}

/**
 * Stage, instruction, and which of its sources put a file there; behind that, for a file from another stage, the same of how
 * it came to be in that one.
 */
export type Layer = readonly number[];

/** What a change of one path of the build context is to do. */
export type Verdict =
  | { readonly action: "ignore"; readonly why: string }
  | {
      readonly action: "rebuild";
      readonly why: string;
      /** `Dockerfile:12`, or a rule's place; undefined where no line decides. */
      readonly at: string | undefined;
    }
  | {
      readonly action: "sync";
      /** At least one; a file that is copied twice has two. */
      readonly targets: readonly SyncTarget[];
      /** Whether the container's process must start anew to see it. */
      readonly restart: boolean;
      /** Commands to run in the container after the sync and before a restart. */
      readonly run: readonly (readonly string[])[];
      readonly why: string;
      readonly at: string | undefined;
    };

/** What stands at a path: COPY treats a folder, a file and a link each in its own way. */
export type PathKind = "file" | "directory" | "symlink";
