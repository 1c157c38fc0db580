import { formatDuration } from "../../base/duration.ts";
import type { DevStatus } from "../../dev/dev-event.ts";
import { cleanLine } from "../view/clean.ts";
import type { Paint } from "../view/paint.ts";
import { displayWidth, shorten } from "../view/width.ts";

type Part = readonly [importance: number, text: string, colour: Parameters<Paint>[0]];

/** From this importance on a part is shortened at most. */
const indispensable = 8;

/** One line about what is so now; of what does not fit, the least important is left out first. */
export function statusLine(status: DevStatus, doing: string | undefined, columns: number, paint: Paint): string {
  const parts: readonly Part[] = [
    [9, nameOf(status), "bold"],
    ...(status.different > 0 && status.release !== undefined ? [[2, `on ${status.release}`, "dim"] as const] : []),
    [8, ...activityOf(status, doing)],
    ...(status.failed ? [[7, "the last build failed", "red"] as const] : []),
    ...(status.lastSync
      ? [[5, `last sync ${clock(status.lastSync.at)} ${formatDuration(status.lastSync.milliseconds)}`, "dim"] as const]
      : []),
    ...(status.p95 === undefined ? [] : [[3, `p95 ${formatDuration(status.p95)}`, "dim"] as const]),
    ...(status.url === undefined ? [] : [[4, status.url, "cyan"] as const]),
    [1, "? help", "dim"],
  ];
  const kept = [...parts];
  const width = () => displayWidth(kept.map(([, text]) => text).join(" · "));
  while (width() > columns) {
    const least = kept.reduce((found, part) => (part[0] < found[0] ? part : found));
    if (least[0] >= indispensable) break;
    kept.splice(kept.indexOf(least), 1);
  }
  // What runs, and what is done: of the latter as much as there is room for.
  const [what, doingNow] = kept;
  if (what && doingNow && width() > columns) {
    const room = columns - displayWidth(what[1]) - displayWidth(" · ");
    if (room > 1) return paintAll([what, [doingNow[0], shorten(doingNow[1], room), doingNow[2]]], paint);
    return paint(what[2], shorten(what[1], columns));
  }
  return paintAll(kept, paint);
}

function paintAll(parts: readonly Part[], paint: Paint): string {
  return parts.map(([, text, colour]) => paint(colour, text)).join(paint("dim", " · "));
}

/** What runs: a release, or a release with files on top, which is none. */
export function nameOf({ stage, release, different }: DevStatus): string {
  if (release === undefined) return stage;
  return different === 0
    ? `${stage} ${release}`
    : `${stage} + ${different} changed ${different === 1 ? "file" : "files"}`;
}

function activityOf(status: DevStatus, doing: string | undefined): [string, Parameters<Paint>[0]] {
  if (status.activity === "building") return [doing === undefined ? "building" : cleanLine(doing), "yellow"];
  if (status.activity !== "idle") return [status.activity, "yellow"];
  const colour = status.health === "healthy" ? "green" : status.health === "starting" ? "yellow" : "red";
  return [status.health === "down" && status.release === undefined ? "nothing runs" : status.health, colour];
}

function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
