import type { StageDocument } from "./document.ts";
import type { Canary, Rollout } from "./model.ts";
import type { Path } from "./problems.ts";
import { type Reading, readDuration, readLimit } from "./read-values.ts";

type RolloutDocument = NonNullable<StageDocument["rollout"]>;

/** How a release comes to a stage. `proxied` is true where a proxy can give the new release a share of the requests. */
export function readRollout(
  reading: Reading,
  path: Path,
  document: RolloutDocument = {},
  stage: { readonly proxied: boolean },
): Rollout {
  const strategy = document.strategy ?? "rolling";
  if (strategy === "blue-green" && !stage.proxied) {
    reading.problems.error(
      [...path, "strategy"],
      "`blue-green` needs a proxy that switches from one release to the other",
      "give the stage a `domain`, or a published port that `app.health.path` speaks HTTP on",
    );
  }
  if (document.canary && strategy !== "canary") {
    reading.problems.error(
      [...path, "canary"],
      `\`canary\` says nothing to \`strategy: ${strategy}\``,
      "did you mean `strategy: canary`?",
    );
  }
  const batch = document.batch ?? 1;
  return {
    strategy,
    batch,
    maxUnavailable: document.max_unavailable ?? batch,
    pause: readDuration(reading, [...path, "pause"], document.pause, 0),
    onFailure: document.on_failure ?? "rollback",
    keep: document.keep ?? 3,
    timeout: readLimit(reading, [...path, "timeout"], document.timeout, 120_000),
    canary: readCanary(reading, [...path, "canary"], document.canary, stage),
  };
}

function readCanary(
  reading: Reading,
  path: Path,
  document: RolloutDocument["canary"],
  stage: { readonly proxied: boolean },
): Canary {
  const given = document?.weight;
  if (given !== undefined && document?.hosts !== undefined) {
    reading.problems.error(path, "a canary is a share of the requests (`weight`) or of the hosts (`hosts`), not both");
  }
  if (given !== undefined && !stage.proxied) {
    reading.problems.error(
      [...path, "weight"],
      "without a proxy no share of the requests can be given to a new release",
      "use `hosts`, or give the stage a `domain`",
    );
  }
  const weights = given === undefined ? [10] : typeof given === "number" ? [given] : given;
  if (weights.some((weight, index) => index > 0 && weight <= (weights[index - 1] ?? 0))) {
    reading.problems.error([...path, "weight"], "each step must be larger than the one before", "such as [5, 25, 50]");
  }
  return {
    weights: stage.proxied && document?.hosts === undefined ? weights : [],
    hosts: document?.hosts ?? 1,
    bake: readDuration(reading, [...path, "bake"], document?.bake, 60_000),
    maxErrorRate: document?.max_error_rate ?? 1,
    minRequests: document?.min_requests ?? 20,
  };
}
