import type { Digest } from "../base/digest.ts";
import type { Stage } from "../environment/model.ts";
import type { StagePlan } from "../plan/plan.ts";
import type { Moment } from "../plan/saved-plan.ts";
import type { Release } from "../release/release.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import type { Ledger } from "./ledger.ts";
import type { KeptPlan } from "./moment.ts";
import type { StageRecord } from "./record.ts";
import type { VerificationResult } from "./verification.ts";

export interface Deployment {
  readonly workspace: Workspace;
  readonly stage: Stage;
  readonly release: Release;
  /** The stage's repository, where its hosts pull from. */
  readonly repository: OpenRepository;
  readonly kind: "up" | "promote" | "rollback";
  readonly from: string | undefined;
  readonly dryRun: boolean;
  /** Who signs the record of it; undefined where the history is not signed. */
  readonly signer: Signer | undefined;
  /** Of a promotion: looks at the gates once more, under the lock and before anything is touched. Throws where one is closed. */
  readonly admit?: (ledger: Ledger) => Promise<Admission>;
  /** Why it is done, where nobody typed it. */
  readonly reason?: string;
  /** Manifests of the attestations that count for it: its record names them. */
  readonly attestations?: readonly Digest[] | undefined;
  /** Where its plan is to be kept, or was, and is to be carried out as it is or not at all. */
  readonly kept?: KeptPlan | undefined;
}

/** What the record of a promotion keeps of its gates. */
export type Admission = Pick<StageRecord, "gates" | "attestations">;

export interface DeploymentResult {
  readonly plan: StagePlan;
  /** False where everything was already so; then nothing was written anywhere but what its checks found. */
  readonly changed: boolean;
  /** True where the stage's tag was pointed at the release. */
  readonly tagged?: boolean;
  /** What its checks found; undefined where none were run. */
  readonly verification?: VerificationResult | undefined;
  /** What the plan follows from, where it is to be kept. */
  readonly moment?: Moment | undefined;
}
