import { Label, type Labels } from "../engine/engine.ts";
import { networkName } from "./naming.ts";

/** Another stage for which the same names would be made on one host. */
export interface NameRival {
  readonly environment: string;
  readonly stage: string;
}

/**
 * Names join environment and stage with a hyphen, and both may have one themselves: stage `eu-prod` of `shop` and stage
 * `prod` of `shop-eu` are both `shop-eu-prod`. On one host they would share a network, a proxy's site and their data.
 */
export function nameRivals(place: NameRival, found: readonly { readonly labels: Labels }[]): NameRival[] {
  const rivals = new Map<string, NameRival>();
  for (const { labels } of found) {
    const { [Label.environment]: environment, [Label.stage]: stage } = labels;
    if (environment === undefined || stage === undefined || environment === place.environment) continue;
    if (networkName({ environment, stage }) === networkName(place)) rivals.set(environment, { environment, stage });
  }
  return [...rivals.values()];
}
