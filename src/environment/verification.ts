import type { Duration } from "../base/duration.ts";

/** What proves a release in a stage, beside its health. */
export interface Verification {
  readonly checks: readonly Check[];
  /** What becomes of a release whose checks fail: it stays, unverified, or gives way to the one before. */
  readonly onFailure: "keep" | "rollback";
}

export type Check = CheckFrame & (HttpCheck | TcpCheck | RunCheck | LocalCheck);

/** What checks of every kind have. */
export interface CheckFrame {
  readonly name: string;
  /** Of one try. */
  readonly timeout: Duration;
  /** Tries after the first. */
  readonly retries: number;
  /** Between two tries. */
  readonly interval: Duration;
}

export interface HttpCheck {
  readonly kind: "http";
  readonly target: HttpTarget;
  readonly method: string;
  readonly status: readonly StatusRange[];
  readonly headers: Readonly<Record<string, string>>;
  /** By the header's name, in lower case. */
  readonly expectHeaders: Readonly<Record<string, TextPattern>>;
  readonly body: TextPattern | undefined;
  /** How long the whole answer may take. */
  readonly within: Duration | undefined;
}

export type HttpTarget =
  /** Every container of the app that serves, on its own port. */
  | { readonly kind: "containers"; readonly path: string; readonly port: number }
  /** The proxy of each host, as clients reach it: by each domain and each published port. */
  | { readonly kind: "proxy"; readonly path: string }
  /** Asked from where envctl runs. */
  | { readonly kind: "url"; readonly url: string };

/** Both inclusive. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** A text that must be contained, or an expression that must match. */
export interface TextPattern {
  /** As written in the file. */
  readonly text: string;
  readonly expression: RegExp | undefined;
}

export interface TcpCheck {
  readonly kind: "tcp";
  readonly port: number;
  /** undefined for the app's containers. */
  readonly service: string | undefined;
}

/** In a one-off container of the release, on the stage's first host. */
export interface RunCheck {
  readonly kind: "run";
  readonly command: readonly string[];
  /** Path or pattern of the JUnit reports that the command writes. */
  readonly junit: string | undefined;
}

/** On the machine where envctl runs, in the folder of the environment file. */
export interface LocalCheck {
  readonly kind: "local";
  readonly command: readonly string[];
  readonly junit: string | undefined;
}
