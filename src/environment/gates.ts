import type { Bytes } from "../base/bytes.ts";
import type { Duration } from "../base/duration.ts";

/** Gates that can be named in `overridable` and by `--override`; the first part of `git.signed` stands for all of its parts. */
export const gateNames = [
  "soak",
  "approvals",
  "window",
  "freezes",
  "max_age",
  "git",
  "git.clean",
  "git.branches",
  "git.signed",
  "image",
  "image.non_root",
  "image.no_latest_base",
  "image.max_size",
  "image.vulnerabilities",
  "image.sbom",
  "provenance",
] as const;
export type GateName = (typeof gateNames)[number];

/** What must hold before a release is promoted to a stage, beside that it is verified in the stages before. */
export interface Gates {
  /** Time since it is verified in every stage before. */
  readonly soak: Duration | undefined;
  readonly approvals: Approvals | undefined;
  /** One of them must be open; empty for any time. */
  readonly windows: readonly Window[];
  readonly freezes: readonly Freeze[];
  /** Time since the build. */
  readonly maxAge: Duration | undefined;
  readonly git: GitRules;
  readonly image: ImageRules;
  /** Whether the build must be attested by a key of the environment. */
  readonly provenance: boolean;
  readonly overridable: readonly GateName[];
}

export interface Approvals {
  readonly count: number;
  /** Names of the keys whose approval counts; undefined for all of the environment's. */
  readonly by: readonly string[] | undefined;
  /** Whether the approval of whoever made the release counts for nothing. */
  readonly notAuthor: boolean;
}

/** Times of the week, as clocks in a zone show them. */
export interface Window {
  /** As written in the file. */
  readonly text: string;
  /** 0 is Sunday. A time over midnight belongs to the day on which it begins. */
  readonly days: readonly number[];
  readonly times: readonly DayTime[];
  readonly zone: string;
}

/** Minutes of the day. Where `to` is not after `from`, it is on the next day. */
export interface DayTime {
  readonly from: number;
  readonly to: number;
}

/** Local times of the zone, in milliseconds (see `base/zoned-time.ts`); `to` is the first that is not frozen. */
export interface Freeze {
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly reason: string;
}

export interface GitRules {
  readonly clean: boolean;
  /** Patterns of branches, one of which has the commit; empty for any. */
  readonly branches: readonly string[];
  readonly signed: boolean;
}

export interface ImageRules {
  readonly nonRoot: boolean;
  readonly noLatestBase: boolean;
  readonly maxSize: { readonly bytes: Bytes; readonly text: string } | undefined;
  readonly vulnerabilities: VulnerabilityRule | undefined;
  readonly sbom: SbomRule | undefined;
}

export const severities = ["critical", "high", "medium", "low", "unknown"] as const;
export type Severity = (typeof severities)[number];

export interface VulnerabilityRule {
  /** Of each severity, as many as there may be; any number of those that are not named. */
  readonly max: Readonly<Partial<Record<Severity, number>>>;
  /** Of the report. */
  readonly maxAge: Duration | undefined;
}

export interface SbomRule {
  readonly required: boolean;
  /** Patterns of packages, by `name` or `name@version`. */
  readonly forbid: readonly string[];
  /** Patterns of SPDX license identifiers. */
  readonly forbidLicenses: readonly string[];
}

/** Of a stage that says nothing of gates. */
export const noGates: Gates = {
  soak: undefined,
  approvals: undefined,
  windows: [],
  freezes: [],
  maxAge: undefined,
  git: { clean: false, branches: [], signed: false },
  image: { nonRoot: false, noLatestBase: false, maxSize: undefined, vulnerabilities: undefined, sbom: undefined },
  provenance: false,
  overridable: [],
};
