import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Freeze, Window } from "../../../src/environment/gates.ts";
import { parseWindow } from "../../../src/environment/read-window.ts";
import { isFrozen, judgeFreezes, thawsAt } from "../../../src/plan/gates/freezes.ts";
import { isOpen, judgeWindows, opensAt } from "../../../src/plan/gates/window.ts";

const utc = (text: string) => Date.parse(`${text}:00Z`);
const here = () => "UTC";
const minute = 60_000;
const quarter = 15 * minute;

function windowOf(text: string): Window {
  const window = parseWindow(text);
  if ("wrong" in window) throw new Error(window.wrong);
  return window;
}

const opening = (text: string, now: string) => new Date(opensAt(windowOf(text), utc(now))).toISOString().slice(0, 16);
const open = (text: string, ...instants: string[]) => instants.map((at) => isOpen(windowOf(text), utc(at)));

describe("a window", () => {
  it("is open on its days at its times, by the clock of its zone, and closed at its end", () => {
    const office = "Mon-Fri 09:00-17:00 Europe/Berlin";
    expect(open(office, "2026-03-02T07:59", "2026-03-02T08:00", "2026-03-02T15:59", "2026-03-02T16:00")).toEqual([
      ...[false, true, true, false],
    ]);
    // In summer it is an hour earlier by UTC.
    expect(open(office, "2026-06-01T06:59", "2026-06-01T07:00", "2026-06-06T10:00")).toEqual([false, true, false]);
    expect(opening(office, "2026-03-06T16:00")).toBe("2026-03-09T08:00");
    expect(opening(office, "2026-03-27T16:00")).toBe("2026-03-30T07:00");
  });

  it("goes over midnight with the day on which it begins, and over the end of the week", () => {
    const night = "Fri 22:00-04:00 Europe/Berlin";
    expect(open(night, "2026-03-06T20:59", "2026-03-06T21:00", "2026-03-07T02:59", "2026-03-07T03:00")).toEqual([
      ...[false, true, true, false],
    ]);
    // Not what belongs to Thursday.
    expect(open(night, "2026-03-06T01:00")).toEqual([false]);
    expect(open("Sat-Mon 00:00-24:00 UTC", "2026-03-06T23:59", "2026-03-07T00:00", "2026-03-09T23:59")).toEqual([
      ...[false, true, true],
    ]);
    expect(open("Mon,Wed 08:00-09:00,12:00-13:00 UTC", "2026-03-04T12:30", "2026-03-03T12:30")).toEqual([true, false]);
    expect(opening("22:00-04:00 UTC", "2026-03-04T05:00")).toBe("2026-03-04T22:00");
  });

  it("never opens at times that clocks leave out, and opens with the change where only its beginning is left out", () => {
    expect(opening("Sun 02:15-02:45 Europe/Berlin", "2026-03-28T12:00")).toBe("2026-04-05T00:15");
    expect(opening("Sun 02:30-04:00 Europe/Berlin", "2026-03-28T12:00")).toBe("2026-03-29T01:00");
    expect(open("Sun 02:30-04:00 Europe/Berlin", "2026-03-29T00:59", "2026-03-29T01:00")).toEqual([false, true]);
    expect(opening("Sun 02:30-04:00 America/New_York", "2026-03-07T12:00")).toBe("2026-03-08T07:00");
    expect(opening("Sun 02:15-04:00 Australia/Lord_Howe", "2026-10-03T12:00")).toBe("2026-10-03T15:30");
  });

  it("opens twice at times that clocks show twice", () => {
    const once = "Sun 02:30-02:45 Europe/Berlin";
    expect(open(once, "2026-10-25T00:30", "2026-10-25T00:45", "2026-10-25T01:30")).toEqual([true, false, true]);
    expect(opening(once, "2026-10-25T00:45")).toBe("2026-10-25T01:30");
    // Put back into its midst.
    expect(opening("Sun 01:00-02:30 Europe/Berlin", "2026-10-25T00:30")).toBe("2026-10-25T01:00");
    expect(opening("Sun 01:30-01:45 America/New_York", "2026-11-01T05:50")).toBe("2026-11-01T06:30");
    expect(opening("Sun 01:45-01:50 Australia/Lord_Howe", "2026-04-04T14:55")).toBe("2026-04-04T15:15");
  });

  const zones = fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu");
  const times = fc
    // Clocks are changed on Sundays, early in the morning.
    .tuple(
      fc.oneof(fc.integer({ min: 0, max: 95 }), fc.integer({ min: 4, max: 12 })),
      fc.oneof(fc.integer({ min: 1, max: 95 }), fc.integer({ min: 1, max: 8 })),
    )
    .map(([from, length]) => ({ from: from * 15, to: ((from + length) % 96) * 15 }));
  const windows = fc.record({
    text: fc.constant("a window"),
    days: fc.oneof(fc.constant([0]), fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 })),
    times: fc.array(times, { minLength: 1, maxLength: 2 }),
    zone: zones,
  });
  // Around the changes of clocks as well as anywhere.
  const near = fc
    .tuple(
      fc.constantFrom(
        "2026-03-29T01:00",
        "2026-10-25T01:00",
        "2026-03-08T07:00",
        "2026-11-01T06:00",
        "2026-04-04T15:00",
        "2026-10-03T15:30",
      ),
      fc.oneof(fc.integer({ min: -300, max: 40 }), fc.integer({ min: -20, max: 8 })),
    )
    .map(([change, quarters]) => utc(change) + quarters * quarter);
  const anywhen = fc
    .integer({ min: 0, max: 4 * 24 * 365 })
    .map((quarters) => utc("2026-01-01T00:00") + quarters * quarter);

  it("is open when it says it opens, closed a minute before, and at no time in between", () => {
    fc.assert(
      fc.property(windows, fc.oneof(near, anywhen), (window, now) => {
        fc.pre(!isOpen(window, now));
        const at = opensAt(window, now);
        expect(isOpen(window, at)).toBe(true);
        expect(isOpen(window, at - minute)).toBe(false);
        for (let instant = now; instant < at; instant += quarter) expect(isOpen(window, instant)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  it("is judged with when it opens, by both clocks; one of several that is open will do", () => {
    const texts = ["Mon-Fri 09:00-17:00 Europe/Berlin", "Sat 10:00-12:00 UTC"];
    const list = texts.map(windowOf);
    expect(judgeWindows([], here, 0)).toEqual([]);
    expect(judgeWindows(list, here, utc("2026-03-06T18:00"))).toEqual([
      {
        gate: "window",
        open: false,
        found: `it is Fri 2026-03-06 19:00 Europe/Berlin, Fri 2026-03-06 18:00 UTC, outside ${texts.join(" and ")}`,
        missing: "it opens Sat 2026-03-07 10:00 UTC",
        opensAt: "2026-03-07T10:00:00.000Z",
      },
    ]);
    expect(judgeWindows(list.slice(0, 1), here, utc("2026-03-06T18:00"))[0]?.missing).toBe(
      "it opens Mon 2026-03-09 09:00 Europe/Berlin (Mon 2026-03-09 08:00 UTC)",
    );
    expect(judgeWindows(list, here, utc("2026-03-07T10:00"))).toEqual([
      { gate: "window", open: true, found: "it is Sat 2026-03-07 10:00 UTC, within Sat 10:00-12:00 UTC" },
    ]);
  });
});

describe("a freeze", () => {
  const freeze = (from: string, to: string, zone = "Europe/Berlin", reason = ""): Freeze => ({
    ...{ from: utc(from), to: utc(to), zone, reason },
  });

  it("holds from its first instant to before its end, by the clock of its zone", () => {
    const christmas = freeze("2026-12-20T00:00", "2027-01-02T12:00");
    const at = ["2026-12-19T22:59", "2026-12-19T23:00", "2027-01-02T10:59", "2027-01-02T11:00"];
    expect(at.map((instant) => isFrozen(christmas, utc(instant)))).toEqual([false, true, true, false]);
  });

  it("holds as long as any clock shows a time of it, where times are left out or come twice", () => {
    const spring = freeze("2026-03-29T02:15", "2026-03-29T02:45");
    expect(["00:59", "01:00"].map((time) => isFrozen(spring, utc(`2026-03-29T${time}`)))).toEqual([false, false]);
    const until = freeze("2026-03-28T00:00", "2026-03-29T02:30");
    expect(["00:59", "01:00"].map((time) => isFrozen(until, utc(`2026-03-29T${time}`)))).toEqual([true, false]);
    const autumn = freeze("2026-10-25T02:30", "2026-10-25T02:45");
    expect(
      ["00:29", "00:30", "00:50", "01:44", "01:45"].map((time) => isFrozen(autumn, utc(`2026-10-25T${time}`))),
    ).toEqual([false, true, true, true, false]);
  });

  it("opens only when the last of several is over, and says why", () => {
    const list = [
      freeze("2026-12-20T00:00", "2027-01-02T12:00", "Europe/Berlin", "Christmas"),
      freeze("2027-01-01T00:00", "2027-01-10T00:00", "UTC"),
      freeze("2027-02-01T00:00", "2027-02-02T00:00", "UTC"),
    ];
    expect(judgeFreezes(list, () => "Europe/Berlin", utc("2026-12-24T12:00"))).toEqual([
      {
        gate: "freezes",
        open: false,
        found: "frozen until Sat 2027-01-02 12:00 Europe/Berlin: Christmas",
        missing: "it opens Sun 2027-01-10 01:00 Europe/Berlin",
        opensAt: "2027-01-10T00:00:00.000Z",
      },
    ]);
    expect(judgeFreezes(list, here, utc("2027-01-15T00:00"))[0]).toMatchObject({ open: true });
    expect(judgeFreezes([], here, 0)).toEqual([]);
  });

  it("is over when it says so, and holds a minute before", () => {
    const local = fc.integer({ min: utc("2026-03-27T00:00"), max: utc("2026-04-06T00:00") });
    const zone = fc.constantFrom("Europe/Berlin", "Australia/Lord_Howe", "America/New_York");
    const freezes = fc.tuple(local, fc.integer({ min: 1, max: 5000 }), zone).map(([from, length, name]): Freeze => {
      const begin = Math.floor(from / minute) * minute;
      return { from: begin, to: begin + length * minute, zone: name, reason: "" };
    });
    fc.assert(
      fc.property(fc.array(freezes, { minLength: 1, maxLength: 4 }), local, (list, now) => {
        const frozen = (instant: number) => list.some((one) => isFrozen(one, instant));
        fc.pre(frozen(now));
        const at = thawsAt(list, now);
        expect([frozen(at), frozen(Math.max(now, at - minute))]).toEqual([false, true]);
      }),
      { numRuns: 150 },
    );
  });
});
