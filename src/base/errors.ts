/**
 * The documented exit codes. They are part of the command line's contract: never renumber them.
 */
export const ExitCode = {
  done: 0,
  /** Failed; what ran before still runs, or was put back. */
  failed: 1,
  /** The command line or the environment file is wrong; nothing was touched. */
  usage: 2,
  gateClosed: 3,
  locked: 4,
  unreachable: 5,
  identityMismatch: 6,
  /** Failed in a way that only a person can mend. */
  needsPerson: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Something to say of one line of a file; one-based, as editors count. */
export interface Remark {
  readonly severity: "error" | "warning";
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface ErrorDetails {
  /** Stable, kebab-case name for scripts: `host-unreachable`, `digest-mismatch`, … */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** One sentence: what happened. */
  readonly what: string;
  /** Where: `envctl.yaml:3:7`, a host, a container, a registry. */
  readonly where?: string | undefined;
  /** What state things are in now. */
  readonly state?: string | undefined;
  /** The next command to type, or what to do. */
  readonly next?: string | undefined;
  /** Evidence in full lines: a container's last log lines, a build's output, a caret under a source line. */
  readonly evidence?: readonly string[] | undefined;
  /** The same, where each belongs to a line of a file. */
  readonly remarks?: readonly Remark[] | undefined;
  readonly cause?: unknown;
}

/** The one error class for people: made where the knowledge is, printed by `cli/view` alone. */
export class EnvctlError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly where: string | undefined;
  readonly state: string | undefined;
  readonly next: string | undefined;
  readonly evidence: readonly string[];
  readonly remarks: readonly Remark[];

  constructor(details: ErrorDetails) {
    super(details.what, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "EnvctlError";
    this.code = details.code;
    this.exitCode = details.exitCode;
    this.where = details.where;
    this.state = details.state;
    this.next = details.next;
    this.evidence = details.evidence ?? [];
    this.remarks = details.remarks ?? [];
  }

  /** The same error with what only a caller higher up can know; what is already said stays. */
  with(extra: Partial<Pick<ErrorDetails, "where" | "state" | "next" | "evidence">>): EnvctlError {
    return new EnvctlError({
      code: this.code,
      exitCode: this.exitCode,
      what: this.message,
      where: this.where ?? extra.where,
      state: this.state ?? extra.state,
      next: this.next ?? extra.next,
      evidence: this.evidence.length > 0 ? this.evidence : extra.evidence,
      remarks: this.remarks,
      cause: this.cause,
    });
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
