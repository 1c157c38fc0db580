import type { DevStatus } from "../../dev/dev-event.ts";

/** Why what runs is nothing to promote, for people; undefined where it is. `agreed` is the release that a person said yes to. */
export function whyNotPromoted(status: DevStatus, agreed?: string): string | undefined {
  const { stage, release, different, activity, failed } = status;
  const build = `; b builds it (as envctl up ${stage} does)`;
  if (different > 0) return `nothing to promote: ${different} files were changed on top of ${release}${build}`;
  if (activity !== "idle" || failed || release === undefined)
    return `nothing to promote: what runs is not a release yet${build}`;
  // Whoever is asked may take a while, and the loop goes on meanwhile.
  return agreed === undefined || agreed === release ? undefined : `not promoted: ${stage} runs ${release} by now`;
}
