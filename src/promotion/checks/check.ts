import type { Engine, ObservedContainer } from "../../engine/engine.ts";
import type { Stage } from "../../environment/model.ts";
import type { Release } from "../../release/release.ts";
import type { Workspace } from "../../rollout/workspace.ts";

/** A container of the app that serves, and the engine that runs it. */
export interface RunningContainer {
  readonly engine: Engine;
  readonly container: ObservedContainer;
}

/** A stage as its checks see it. */
export interface CheckedStage {
  readonly workspace: Workspace;
  readonly stage: Stage;
  readonly release: Release;
  /** One for each host of the stage, in the order of the file. */
  readonly engines: readonly Engine[];
  readonly running: readonly RunningContainer[];
  /** Values of the stage's secrets: for containers of the release, and to be masked wherever else they appear. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** One try of a check. */
export interface Attempt {
  /** A line that the check's program printed: shown, and kept in the log. */
  readonly output: (line: string) => void;
  /** A line for the log alone. */
  readonly note: (line: string) => void;
  /** Aborted when its time is over, and with the command. */
  readonly signal: AbortSignal;
}

/** One thing that is not as the check wants it. */
export interface Wrong {
  /** Host, container or address; empty where the check has but one place. */
  readonly where: string;
  readonly what: string;
}

/** Of JUnit reports. */
export interface TestCounts {
  readonly run: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What one try found: it passes where nothing is wrong. */
export interface Finding {
  readonly wrong: readonly Wrong[];
  readonly tests?: TestCounts | undefined;
  /** More lines that explain: the first tests that failed. */
  readonly evidence?: readonly string[];
}
