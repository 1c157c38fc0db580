/** The steps of a rollout, in their order (`src/plan/plan.ts`, and what comes around them). */
export const steps = [
  "connect",
  "pull",
  "network",
  "volume",
  "proxy",
  "join",
  "before-switch",
  "create",
  "start",
  "wait-healthy",
  "route",
  "drain",
  "stop",
  "after-switch",
  "tidy",
  "record",
] as const;
export type StepName = (typeof steps)[number];

/** What goes wrong, and how that is made. */
export const faults = {
  kill: "SIGKILL of envctl",
  "ctrl-c": "SIGINT to envctl",
  sigterm: "SIGTERM to envctl",
  "ctrl-c-twice": "SIGINT to envctl, and another one 50 ms later: it leaves at once",
  cut: "the host's cable is down: no packet to or from it, until the command has ended",
  blip: "the host's cable is down for three seconds",
  "engine-crash": "SIGKILL of the host's dockerd and containerd; started again half a second later",
  reboot: "the host's engine is told to end, and its containers with it; started again half a second later",
  "registry-down": "the registry refuses connections, until the command has ended",
  unhealthy: "a release whose page is missing: its check answers 404",
  exits: "a release that prints a line and exits with code 3",
  "hangs-on-term": "the release that is replaced ignores SIGTERM: its stop takes the whole grace",
  "slow-start": "a release that listens only after a second",
  "failing-migration": "a release whose task exits with code 9",
  "disk-full": "the file system of the host's engine is filled to its last byte, until the command has ended",
  "port-taken": "another container of the host publishes the port, until the command has ended",
  "clock-ahead":
    "envctl runs under faketime(1): its clock is 26 hours ahead of registry's and hosts', monotonic time is not",
  "clock-behind": "envctl runs under faketime(1): its clock is 26 hours behind",
} as const;
export type FaultName = keyof typeof faults;

/** A fault at a step. */
export interface Cell {
  readonly step: StepName;
  readonly fault: FaultName;
  /** The host that the fault strikes, and whose step it is: first or second of two. */
  readonly host: 0 | 1;
  /** Milliseconds after the beginning of the step: for steps of several requests, one in their midst. */
  readonly late: number;
  /** On a stage that runs nothing yet: some steps are those of a first rollout. */
  readonly fresh: boolean;
}

export interface CellResult {
  readonly cell: Cell;
  /** Null where the command was killed. */
  readonly exitCode: number | null;
  /** The first line of the error, its state and next; of a command that went well, its first warning. */
  readonly error: string | undefined;
  readonly state: string | undefined;
  readonly next: string | undefined;
  /** Which releases each host served, in order, from the beginning to the end of the command. */
  readonly during: readonly string[];
  /** Which release each host serves once the fault is over, before anything is run again. */
  readonly after: readonly string[];
  readonly requests: number;
  /** Requests that failed while their host could be reached and its engine ran. */
  readonly failed: number;
  /** Requests to a host that was cut off, or whose engine had crashed, until it served again. */
  readonly away: number;
  /** What the same command did when it was run again: its exit code. */
  readonly again: number | null;
  /** Everything that is not as it should be; empty for a cell that passed. */
  readonly problems: readonly string[];
  /** Milliseconds the command took from the fault on. */
  readonly took: number;
}

export function cellName({ step, fault, host, late }: Cell): string {
  return `${step}${late > 0 ? `+${late}ms` : ""} × ${fault}${host === 1 ? " (second host)" : ""}`;
}
