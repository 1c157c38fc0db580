import { type KindReport, loadKinds } from "./load/model.ts";
import type { Series, WatchedDriver } from "./rounds.ts";

/** One claim about a series, and whether it held. */
export interface Verdict {
  readonly claim: string;
  readonly holds: boolean;
}

/**
 * Connections that a switch ends: Caddy 2.6 takes leave of WebSockets at each reload, as its documentation says. Their
 * clients are told, and connect again; that is counted by itself, and is no failed request.
 */
const endsAtSwitch: Readonly<Record<WatchedDriver, boolean>> = { caddy: true, haproxy: false };

/** What nobody may have noticed, client by client. */
export function judge(series: Series): Verdict[] {
  const { driver, load, promotions, rollbacks } = series;
  const verdicts = loadKinds
    .filter((kind) => load.kinds[kind].requests + load.kinds[kind].failed > 0)
    .map((kind) => {
      const report = load.kinds[kind];
      const { failed, allowed } = failedOf(driver, report);
      const noted = allowed > 0 ? ` (and ${allowed} cut off at a switch)` : "";
      return {
        claim: `${driver}, ${kind}: ${failed} of ${report.requests} failed, ${report.truncated} truncated${noted}`,
        holds: failed === 0 && report.truncated === 0 && report.requests > 0,
      };
    });
  return [{ claim: `${driver}: ${promotions} promotions, ${rollbacks} rollbacks`, holds: promotions > 0 }, ...verdicts];
}

function failedOf(driver: WatchedDriver, { failed, cut, lost }: KindReport) {
  const allowed = endsAtSwitch[driver] ? cut + lost : 0;
  return { failed: failed - allowed, allowed };
}
