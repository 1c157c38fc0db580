/**
 * What clocks show in a time zone, by the zone data that Node itself has (ECMA-402): it knows every change that a zone ever
 * made, and costs start-up nothing. A local time is a number like an instant: milliseconds since 1970-01-01T00:00 as that clock
 * shows it.
 */

const day = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** True of names in the IANA database: `Europe/Berlin`, `UTC`. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** The zone of the machine, or of `TZ`. */
export function zoneHere(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** How far the zone's clocks are ahead of UTC at an instant. Milliseconds. */
function offsetAt(zone: string, instant: number): number {
  return localAt(zone, instant) - instant;
}

/** What clocks in the zone show at an instant. */
export function localAt(zone: string, instant: number): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day: date = 1, hour = 0, minute = 0, second = 0 } = parts;
  const rest = ((instant % 1000) + 1000) % 1000;
  return Date.UTC(year, month - 1, date, hour, minute, second) + rest;
}

/** The instants at which clocks in the zone show this: one; none in the hour that is left out; two in the one that is repeated. */
export function instantsOf(zone: string, local: number): number[] {
  const offsets = new Set([offsetAt(zone, local - day), offsetAt(zone, local + day)]);
  const instants = [...offsets].map((offset) => local - offset).filter((instant) => localAt(zone, instant) === local);
  return instants.sort((left, right) => left - right);
}

/** The first instant at which clocks in the zone show this or later. */
export function firstAt(zone: string, local: number): number {
  return instantsOf(zone, local)[0] ?? gapAt(zone, local);
}

/** The instant from which on clocks in the zone never again show anything before this. */
export function lastAt(zone: string, local: number): number {
  return instantsOf(zone, local).at(-1) ?? gapAt(zone, local);
}

/** The instants between two at which the zone's clocks are put forward or back. */
export function changesBetween(zone: string, from: number, to: number): number[] {
  const changes: number[] = [];
  for (let start = from; start < to; start += day) {
    const end = Math.min(start + day, to);
    if (offsetAt(zone, start) !== offsetAt(zone, end)) changes.push(changeBetween(zone, start, end));
  }
  return changes;
}

/** `Fri 2026-03-06 09:00`, for people. */
export function formatLocal(local: number): string {
  const at = new Date(local);
  return `${weekdays[at.getUTCDay()]} ${at.toISOString().slice(0, 16).replace("T", " ")}`;
}

/** `Fri 2026-03-06 09:00 Europe/Berlin`, and, where the reader's clock shows something else, what that shows. */
export function formatInstant(instant: number, zone: string, here: string): string {
  const there = localAt(zone, instant);
  const words = `${formatLocal(there)} ${zone}`;
  const own = localAt(here, instant);
  return own === there ? words : `${words} (${formatLocal(own)} ${here})`;
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

/** Where clocks are put forward over a local time: the instant at which they are. */
function gapAt(zone: string, local: number): number {
  return changeBetween(zone, local - offsetAt(zone, local - day) - day, local - offsetAt(zone, local + day) + day);
}

/** By halving, to the second: no zone changes at a fraction of one. */
function changeBetween(zone: string, from: number, to: number): number {
  let [low, high] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
  const before = offsetAt(zone, low * 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle * 1000) === before) low = middle;
    else high = middle;
  }
  return high * 1000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(zone, format);
  return format;
}
