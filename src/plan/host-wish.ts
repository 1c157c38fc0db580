import type { Service, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { DesiredContainer } from "./desired.ts";
import type { DesiredIdentity } from "./drift.ts";

/** What one host of a stage is to become. */
export interface HostWish {
  readonly place: { readonly environment: string; readonly stage: string };
  readonly stage: Stage;
  readonly app: readonly DesiredContainer[];
  /** The containers of each worker. */
  readonly workers: readonly (readonly DesiredContainer[])[];
  readonly services: readonly { readonly service: Service; readonly desired: DesiredContainer }[];
  readonly identity: DesiredIdentity;
  readonly release: Release;
  readonly asItRanThen: boolean;
  readonly certificate: string | undefined;
  readonly maintained: boolean;
}
