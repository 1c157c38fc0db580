import { changesBetween, formatInstant, formatLocal, instantsOf, localAt } from "../../base/zoned-time.ts";
import type { Window } from "../../environment/gates.ts";
import type { JudgedGate } from "./judged-gate.ts";

const minute = 60_000;
const day = 86_400_000;

/** The next time of a week comes within eight days; where clocks are put over it, with the week after. */
const daysAhead = 16;

/** `here` tells the reader's zone. */
export function judgeWindows(windows: readonly Window[], here: () => string, now: number): JudgedGate[] {
  if (windows.length === 0) return [];
  const found = windows.find((window) => isOpen(window, now));
  if (found) return [{ gate: "window", open: true, found: `it is ${clock(found, now)}, within ${found.text}` }];
  const opens = windows
    .map((window) => ({ window, at: opensAt(window, now) }))
    .reduce((first, next) => (next.at < first.at ? next : first));
  const zones = new Map(windows.map((window) => [window.zone, clock(window, now)]));
  return [
    {
      gate: "window",
      open: false,
      found: `it is ${[...zones.values()].join(", ")}, outside ${windows.map(({ text }) => text).join(" and ")}`,
      missing: `it opens ${formatInstant(opens.at, opens.window.zone, here())}`,
      opensAt: new Date(opens.at).toISOString(),
    },
  ];
}

/** Whether clocks in the window's zone show one of its times: a time that they show twice is open twice. */
export function isOpen(window: Window, instant: number): boolean {
  const local = localAt(window.zone, instant);
  const start = Math.floor(local / day);
  const minutes = (local - start * day) / minute;
  const [today, yesterday] = [start, start - 1].map((number) => window.days.includes(weekdayOf(number)));
  return window.times.some(({ from, to }) =>
    from < to
      ? today === true && from <= minutes && minutes < to
      : (today === true && from <= minutes) || (yesterday === true && minutes < to),
  );
}

/** The first instant after `now` at which the window opens, where it is closed now. */
export function opensAt(window: Window, now: number): number {
  const first = Math.floor(localAt(window.zone, now) / day);
  const starts = Array.from({ length: daysAhead }, (_, index) => first + index).flatMap((number) =>
    window.times.flatMap(({ from }) => instantsOf(window.zone, number * day + from * minute)),
  );
  // Where clocks are put forward over the beginning, or back into the midst, it opens with that.
  const changes = changesBetween(window.zone, now, now + daysAhead * day);
  const opening = [...starts, ...changes].filter((instant) => instant > now && isOpen(window, instant));
  return Math.min(...opening);
}

function weekdayOf(dayNumber: number): number {
  // 1970-01-01 was a Thursday.
  return (((dayNumber + 4) % 7) + 7) % 7;
}

function clock({ zone }: Window, now: number): string {
  return `${formatLocal(localAt(zone, now))} ${zone}`;
}
