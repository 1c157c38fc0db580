import type { EnvctlError } from "../base/errors.ts";
import type { EditTimes } from "./edit-times.ts";

/** What the loop tells its listener; only `cli/` turns it into text. */
export type DevEvent =
  | {
      readonly type: "log";
      readonly workload: string;
      readonly host: string;
      readonly container: string;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
      readonly timestamp: string | undefined;
    }
  /** A release serves; the time is from the wish to here. */
  | {
      readonly type: "serving";
      readonly release: string;
      readonly digest: string;
      readonly built: boolean;
      readonly url: string | undefined;
      readonly milliseconds: number;
    }
  | { readonly type: "rebuilding"; readonly why: readonly string[] }
  /** Something newer is wanted than what was being built. */
  | { readonly type: "cancelled" }
  /** Nothing changed of what serves. */
  | { readonly type: "failed"; readonly error: EnvctlError; readonly serving: string | undefined }
  | {
      readonly type: "synced";
      readonly host: string;
      /** Paths relative to the build context. */
      readonly files: readonly string[];
      readonly written: number;
      readonly removed: number;
      readonly bytes: number;
      /** How many files differ from the image now. */
      readonly different: number;
      readonly heldByGit: number;
      readonly times: EditTimes;
      /** Why the app is not healthy with it. */
      readonly problem: string | undefined;
    }
  | { readonly type: "refused"; readonly host: string; readonly path: string; readonly why: string }
  | {
      readonly type: "ran";
      readonly host: string;
      readonly command: readonly string[];
      /** Undefined where it could not be started. */
      readonly exitCode: number | undefined;
      readonly output: readonly string[];
      readonly milliseconds: number;
    }
  | { readonly type: "restarted"; readonly host: string; readonly milliseconds: number; readonly killed: boolean }
  | {
      readonly type: "container";
      readonly host: string;
      readonly workload: string;
      readonly container: string;
      readonly change: "started" | "ended" | "again" | "gone";
      readonly text: string;
      readonly lines: readonly string[];
    }
  | { readonly type: "engine"; readonly host: string; readonly reachable: boolean; readonly text: string }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "forwarded"; readonly host: string; readonly port: number; readonly problem: string | undefined }
  | { readonly type: "status"; readonly status: DevStatus };

/** What is so now. */
export interface DevStatus {
  readonly stage: string;
  /** Undefined while none is known to serve. */
  readonly release: string | undefined;
  /** Files in the container that differ from its image. */
  readonly different: number;
  readonly activity: "idle" | "building" | "syncing" | "restarting";
  readonly health: "starting" | "healthy" | "unhealthy" | "down";
  readonly lastSync: { readonly at: Date; readonly milliseconds: number } | undefined;
  /** Milliseconds. */
  readonly p95: number | undefined;
  readonly url: string | undefined;
  /** True while the last build or release failed, and the one before still serves. */
  readonly failed: boolean;
}

export type DevListener = (event: DevEvent) => void;
