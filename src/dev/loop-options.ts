import type { Engine } from "../engine/engine.ts";
import type { Environment, Problem, Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { DevListener } from "./dev-event.ts";

export interface DevLoopOptions {
  readonly workspace: Workspace;
  /** As the file has it: one that comes after no other. */
  readonly stage: Stage;
  readonly listener: DevListener;
  /** Reads the environment file again. Throws `environment-invalid`. */
  readonly reread: () => Promise<{ readonly environment: Environment; readonly problems: readonly Problem[] }>;
  /** Bring everything up to date, and end. */
  readonly once: boolean;
  /** A reference, on that engine, of an image with a static busybox. */
  readonly busybox: (workspace: Workspace, stage: Stage, engine: Engine) => Promise<string>;
}
