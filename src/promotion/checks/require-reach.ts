import type { Engine } from "../../engine/engine.ts";
import { isOutOfReach } from "../../rollout/in-reach.ts";

/** A host does not answer: that tells nothing of the release which it runs. */
export class HostAway extends Error {
  /** As the engine put it. */
  readonly error: unknown;

  constructor(error: unknown) {
    super("the host is out of reach", { cause: error });
    this.error = error;
  }
}

/**
 * The same, but throws `HostAway` where it is the host that does not answer. A port on which nothing listens looks alike:
 * its engine is asked which of the two it is.
 */
export async function requireReach<Result>(
  engine: Engine,
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    try {
      await engine.containers({ "envctl.role": "none" }, signal);
    } catch (away) {
      if (isOutOfReach(away)) throw new HostAway(away);
    }
    throw error;
  }
}
