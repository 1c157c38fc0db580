import type { Clock } from "../base/clock.ts";
import type { Digest } from "../base/digest.ts";
import type { Progress } from "../base/progress.ts";
import type { Engine } from "../engine/engine.ts";
import type { PlannedImage } from "../plan/plan.ts";
import type { ProxyHost } from "./proxy-host.ts";
import type { ReadyCommands } from "./ready-commands.ts";

/** What the steps of one rollout on one host share. */
export interface HostWorker {
  readonly engine: Engine;
  readonly labels: Readonly<Record<string, string>>;
  /** Brings an image to the host, proves it, and returns the reference to create containers with. */
  readonly bring: (image: PlannedImage, progress: Progress, signal: AbortSignal) => Promise<string>;
  /** Ids the engine may report for a digest: see `plan/observed.ts`, `runsDigest`. */
  readonly ids: Readonly<Record<string, readonly Digest[]>>;
  /** Milliseconds a container may take to become healthy. */
  readonly timeout: number;
  /** Names of all secrets of the stage: see `redactorOf`. */
  readonly secretNames: readonly string[];
  readonly clock: Clock;
  readonly commands: ReadyCommands;
  readonly proxies: ProxyHost;
}
