/** One container of the app, as far as it matters for what is to be done next. */
export interface ContainerState {
  readonly id: string;
  readonly running: boolean;
  /** It ends again and again: nothing runs in it that could take files. */
  readonly crashed: boolean;
  /** Whether it runs the image of which the files are known; another one came from elsewhere. */
  readonly ours: boolean;
  /** `impossible`: nothing can be written into it, so every change makes a rebuild. */
  readonly files: "closed" | "opening" | "open" | "impossible";
  /** A sync, a command or a restart is under way in it. */
  readonly busy: boolean;
  /** Version of the local files that it holds. */
  readonly version: number;
}

/** Why the last attempt failed, and with what. */
export interface FailedAttempt {
  readonly key: string;
  readonly version: number;
  /**
   * When it is worth another try: once what the build reads is other than it was; once any file is (the new release did
   * not become healthy, and its cause may be in a file that is only synced); or once the engine is back.
   */
  readonly retry: "inputs" | "anything" | "engine";
}

/** All that is known at one moment: no history, so that nothing is done twice or forgotten because an event was lost. */
export interface LoopState {
  /** Counts up with each change of the local files. */
  readonly version: number;
  /** What the present sources and settings need to be built and deployed for: equal keys need nothing. */
  readonly wanted: string;
  /** The same of what runs; undefined while nothing does that is known. */
  readonly runs: string | undefined;
  readonly deploying: { readonly key: string; readonly cancelled: boolean } | undefined;
  readonly failed: FailedAttempt | undefined;
  /** A person asked for a rebuild. */
  readonly asked: boolean;
  /** False while an engine does not answer. */
  readonly reachable: boolean;
  readonly containers: readonly ContainerState[];
}

export type Action =
  | { readonly kind: "deploy"; readonly force: boolean }
  /** Another deployment is wanted than the one under way, or none. */
  | { readonly kind: "cancel" }
  | { readonly kind: "open"; readonly container: string }
  | { readonly kind: "sync"; readonly container: string }
  /** Writes what changed into a container that crashed, and starts it again. */
  | { readonly kind: "revive"; readonly container: string };

/** What to do now. Called again after everything that happens; asking twice without a change gives the same. */
export function decide(state: LoopState): readonly Action[] {
  return [...decideDeployment(state), ...decideSyncs(state)];
}

function decideDeployment(state: LoopState): readonly Action[] {
  const { deploying, failed, wanted, asked } = state;
  if (deploying) {
    const superseded = deploying.key !== wanted || asked;
    return superseded && !deploying.cancelled ? [{ kind: "cancel" }] : [];
  }
  if (!state.reachable) return [];
  if (asked) return [{ kind: "deploy", force: true }];
  const foreign = state.containers.some(({ running, ours }) => running && !ours);
  if (state.runs === wanted && !foreign) return [];
  if (failed?.key === wanted && (failed.retry !== "anything" || failed.version === state.version)) return [];
  return [{ kind: "deploy", force: false }];
}

/** The container that serves is kept up to date also while a new one is built: who saves a file wants to see it. */
function decideSyncs(state: LoopState): readonly Action[] {
  return state.containers.flatMap((container): Action[] => {
    if (!container.ours || container.busy || !state.reachable) return [];
    if (container.crashed && container.files !== "impossible" && container.version < state.version) {
      return [{ kind: "revive", container: container.id }];
    }
    if (!container.running) return [];
    if (container.files === "closed") return [{ kind: "open", container: container.id }];
    const behind = container.files === "open" && container.version < state.version;
    return behind ? [{ kind: "sync", container: container.id }] : [];
  });
}
