import type { Digest } from "../../base/digest.ts";
import type { Release } from "../../release/release.ts";
import type { Report } from "../reports/report.ts";

/** All that gates are judged by, gathered before. What a stage has no gate for need not be known. */
export interface GateFacts {
  readonly stage: string;
  readonly release: Release;
  /** True where it was seen to run in all stages before, healthy and as it was built. */
  readonly seen: boolean;
  /** Tells the reader's time zone: asked only where an hour is told, since Node takes 30 ms to find it out. */
  readonly zone: () => string;
  readonly verified: readonly VerifiedStage[];
  readonly approvals: ApprovalFacts;
  readonly commit: CommitFacts;
  readonly image: ImageFacts;
  readonly provenance: ProvenanceFacts;
}

/** A stage before: since when (RFC 3339) the release is verified there, or why it is not. */
export type VerifiedStage = { readonly stage: string; readonly first: boolean } & (
  | { readonly at: string }
  /** `ran`: it did come there, and its checks are what is missing. */
  | { readonly why: string; readonly ran?: boolean }
);

export interface ApprovalFacts {
  /** Keys of the environment. */
  readonly keys: readonly KnownKey[];
  /** Statements about this release and this stage, each signed by one of the keys. */
  readonly statements: readonly ApprovalStatement[];
  /** Keys of those who made the release, and what shows it. */
  readonly authors: readonly { readonly key: string; readonly why: string }[];
  /** Why it cannot be told who made it; undefined where it can. */
  readonly authorUnknown: string | undefined;
}

interface KnownKey {
  readonly id: string;
  readonly name: string;
}

export interface ApprovalStatement {
  /** Of its manifest. */
  readonly digest: Digest;
  /** The key that signed it. */
  readonly key: string;
  readonly decision: "approved" | "withdrawn";
  /** RFC 3339. */
  readonly at: string;
}

/** What git says of the release's commit, or why it says nothing. */
type CommitFacts =
  /** `next`: what to do about it, where git itself is in the way. */
  | { readonly unknown: string; readonly next?: string | undefined }
  | {
      readonly id: string;
      /** Branches that have it, here and of remotes, without the remotes' names. */
      readonly branches: readonly string[];
      /** undefined where nobody asked. */
      readonly signature: { readonly valid: boolean; readonly words: string } | undefined;
    };

export interface ImageFacts {
  readonly platforms: readonly ImagePlatform[];
  /** Programs of the stage and the user that the file runs them as; undefined for the image's own. */
  readonly programs: readonly { readonly name: string; readonly user: string | undefined }[];
  /** Attached to the image, or to one platform's part of it. */
  readonly reports: readonly AttachedReport[];
  /** Referrers that could be reports, and that nobody can read. */
  readonly unreadable: readonly string[];
}

export interface ImagePlatform {
  readonly platform: string;
  /** As in the image's configuration: empty is root. */
  readonly user: string;
  /** Bytes of its layers, compressed. */
  readonly size: number;
}

export interface AttachedReport {
  readonly report: Report;
  /** undefined for what is attached to the whole image. */
  readonly platform: string | undefined;
}

/** The build's provenance as it was found, or why it counts for nothing. */
export type ProvenanceFacts =
  | { readonly unknown: string }
  | {
      readonly digest: Digest;
      /** Name of the key that signed it; undefined where the environment has no keys. */
      readonly signer: string | undefined;
      /** Base images, as the build named them. */
      readonly bases: readonly string[];
      /** When the build ended, RFC 3339. */
      readonly finishedAt: string | undefined;
      /** In what it does not fit the release; empty where it does. */
      readonly differs: readonly string[];
    };
