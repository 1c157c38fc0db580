import { didYouMean } from "../base/suggest.ts";
import { isZone } from "../base/zoned-time.ts";
import type { DayTime, Window } from "./gates.ts";

const dayNames: readonly string[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fullNames: readonly string[] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

export interface Refusal {
  readonly wrong: string;
  readonly hint: string | undefined;
}

const example = "write days, times and zone: Mon-Fri 09:00-17:00 Europe/Berlin";

/** Reads `Mon-Thu,Sat 09:00-12:00,13:00-17:00 Europe/Berlin`; without days it is every day. */
export function parseWindow(text: string): Window | Refusal {
  const words = text.trim().split(/\s+/);
  const zone = words.at(-1) ?? "";
  const times = words.at(-2) ?? "";
  if (words.length >= 1 && /\d:\d/.test(zone))
    return {
      wrong: `"${text}" does not say whose clock it means`,
      hint: "end it with a zone, such as Europe/Berlin, or UTC",
    };
  if (words.length < 2 || words.length > 3) return { wrong: `"${text}" is no window`, hint: example };
  const days = parseDays(words.length === 3 ? (words[0] ?? "") : "Mon-Sun");
  if ("wrong" in days) return days;
  const parsed = parseTimes(times);
  if ("wrong" in parsed) return parsed;
  if (!isZone(zone)) return noZone(zone);
  return { text: words.join(" "), days: days.days, times: parsed.times, zone };
}

/** A time zone that nobody knows, and the one that may have been meant. */
export function noZone(zone: string): Refusal {
  const known = Intl.supportedValuesOf("timeZone");
  const named = known.find((name) => name.toLowerCase().endsWith(`/${zone.toLowerCase().replaceAll(" ", "_")}`));
  const meant = named ?? didYouMean(zone, known);
  return {
    wrong: `there is no time zone "${zone}"${meant ? `; did you mean "${meant}"?` : ""}`,
    hint: "names of the IANA database: Europe/Berlin, America/New_York, UTC",
  };
}

function parseDays(text: string): { readonly days: readonly number[] } | Refusal {
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const ends = part.split("-");
    const numbers = ends.map(dayNumber);
    const unknown = ends.find((_, index) => numbers[index] === undefined);
    const [first, last = first] = numbers;
    if (unknown !== undefined || first === undefined || last === undefined || ends.length > 2) {
      const name = unknown ?? part;
      const meant = didYouMean(name, dayNames) ?? didYouMean(name, fullNames);
      const inWords = meant && `${meant.charAt(0).toUpperCase()}${meant.slice(1)}`;
      return {
        wrong: `"${name}" is no day of the week${inWords ? `; did you mean "${inWords}"?` : ""}`,
        hint: example,
      };
    }
    // Fri-Mon goes over the end of the week.
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return { days: [...days].sort() };
}

function dayNumber(name: string): number | undefined {
  const found = Math.max(dayNames.indexOf(name.toLowerCase()), fullNames.indexOf(name.toLowerCase()));
  return found < 0 ? undefined : found;
}

function parseTimes(text: string): { readonly times: readonly DayTime[] } | Refusal {
  const times: DayTime[] = [];
  for (const part of text.split(",")) {
    const [, from = "", to = ""] = /^(\d{1,2}:\d{2})-(\d{1,2}:\d{2})$/.exec(part) ?? [];
    const [start, end] = [minuteOf(from), minuteOf(to)];
    if (start === undefined || end === undefined || start === 1440)
      return {
        wrong: `"${part}" is no time of the day from one to another`,
        hint: "such as 09:00-17:00, or 22:00-04:00 over midnight",
      };
    if (start === end)
      return { wrong: `"${part}" is either no time at all or a whole day`, hint: "a whole day is 00:00-24:00" };
    times.push({ from: start, to: end });
  }
  return { times };
}

/** 24:00 is the end of the day. */
function minuteOf(text: string): number | undefined {
  const [hour = Number.NaN, minute = Number.NaN] = text.split(":").map(Number);
  const total = hour * 60 + minute;
  return minute < 60 && total <= 1440 ? total : undefined;
}
