import { type KindReport, loadKinds } from "./load/model.ts";
import type { Series } from "./rounds.ts";

/** One claim about a series, and whether it held. */
export interface Verdict {
  readonly claim: string;
  readonly holds: boolean;
}

/**
 * When streams are cut off, if ever: their clients connect again; that is counted by itself, and is no failed request. HAProxy
 * cuts off what is left once the drain is over; where the old release stops by then it has taken leave itself, but under
 * `blue-green` it runs on, and knows of nothing.
 */
function cutOff({ driver, strategy }: Series): string | undefined {
  return driver === "haproxy" && strategy === "blue-green" ? "at the end of a drain" : undefined;
}

/** What nobody may have noticed, client by client. */
export function judge(series: Series): Verdict[] {
  const { driver, load, promotions, rollbacks } = series;
  const when = cutOff(series);
  const verdicts = loadKinds
    .filter((kind) => load.kinds[kind].requests + load.kinds[kind].failed > 0)
    .map((kind) => {
      const report = load.kinds[kind];
      const { failed, allowed } = failedOf(report, when !== undefined);
      const noted = allowed > 0 ? ` (and ${allowed} cut off ${when})` : "";
      return {
        claim: `${driver}, ${kind}: ${failed} of ${report.requests} failed, ${report.truncated} truncated${noted}`,
        holds: failed === 0 && report.truncated === 0 && report.requests > 0,
      };
    });
  return [{ claim: `${driver}: ${promotions} promotions, ${rollbacks} rollbacks`, holds: promotions > 0 }, ...verdicts];
}

function failedOf({ failed, cut, lost }: KindReport, mayBeCutOff: boolean) {
  const allowed = mayBeCutOff ? cut + lost : 0;
  return { failed: failed - allowed, allowed };
}
