import type { Stage } from "../environment/model.ts";
import type { SecretValues } from "../plan/desired.ts";
import type { Release } from "../release/release.ts";
import type { Occasion } from "../rollout/hooks.ts";

/** What hooks are told of a deployment; secret values are only masked in what they print. */
export function deployOccasion(
  deployment: { readonly stage: Stage; readonly release: Release; readonly from: string | undefined },
  secrets: SecretValues,
): Occasion<unknown> {
  const { stage, release, from } = deployment;
  return {
    kind: "deploy",
    facts: {
      stage: stage.name,
      release: release.name,
      digest: release.digest,
      from,
      hosts: stage.hosts.map((host) => host.name),
    },
    secrets: Object.values(secrets ?? {}),
  };
}
