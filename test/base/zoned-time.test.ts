import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changesBetween,
  firstAt,
  formatInstant,
  instantsOf,
  isZone,
  lastAt,
  localAt,
} from "../../src/base/zoned-time.ts";

const utc = (text: string) => Date.parse(`${text}:00Z`);
const inWords = (instants: readonly number[]) =>
  instants.map((instant) => new Date(instant).toISOString().slice(0, 16));

describe("what clocks show", () => {
  it.each([
    ["Europe/Berlin", "2026-03-29T00:59", "2026-03-29T01:59"],
    ["Europe/Berlin", "2026-03-29T01:00", "2026-03-29T03:00"],
    ["Europe/Berlin", "2026-10-25T00:59", "2026-10-25T02:59"],
    ["Europe/Berlin", "2026-10-25T01:00", "2026-10-25T02:00"],
    ["America/New_York", "2026-03-08T06:59", "2026-03-08T01:59"],
    ["America/New_York", "2026-03-08T07:00", "2026-03-08T03:00"],
    ["America/New_York", "2026-11-01T06:00", "2026-11-01T01:00"],
    ["Australia/Lord_Howe", "2026-04-04T14:59", "2026-04-05T01:59"],
    ["Australia/Lord_Howe", "2026-04-04T15:00", "2026-04-05T01:30"],
    ["Australia/Lord_Howe", "2026-10-03T15:29", "2026-10-04T01:59"],
    ["Australia/Lord_Howe", "2026-10-03T15:30", "2026-10-04T02:30"],
    ["Asia/Kathmandu", "2026-01-01T00:00", "2026-01-01T05:45"],
    ["UTC", "2026-12-31T23:59", "2026-12-31T23:59"],
  ])("in %s at %s UTC: %s", (zone, instant, local) => {
    expect(localAt(zone, utc(instant) + 123)).toBe(utc(local) + 123);
  });

  it.each([
    ["Europe/Berlin", "2026-03-29T02:30", [], "2026-03-29T01:00"],
    ["Europe/Berlin", "2026-10-25T02:30", ["2026-10-25T00:30", "2026-10-25T01:30"], "2026-10-25T00:30"],
    ["Europe/Berlin", "2026-06-01T12:00", ["2026-06-01T10:00"], "2026-06-01T10:00"],
    ["America/New_York", "2026-03-08T02:00", [], "2026-03-08T07:00"],
    ["America/New_York", "2026-11-01T01:59", ["2026-11-01T05:59", "2026-11-01T06:59"], "2026-11-01T05:59"],
    ["Australia/Lord_Howe", "2026-10-04T02:15", [], "2026-10-03T15:30"],
    ["Australia/Lord_Howe", "2026-04-05T01:45", ["2026-04-04T14:45", "2026-04-04T15:15"], "2026-04-04T14:45"],
    ["Pacific/Apia", "2011-12-30T12:00", [], "2011-12-30T10:00"],
  ])("in %s show %s at %j, and first it or later at %s", (zone, local, instants, first) => {
    expect(inWords(instantsOf(zone, utc(local)))).toEqual(instants);
    expect(inWords([firstAt(zone, utc(local)), lastAt(zone, utc(local))])).toEqual([first, instants.at(-1) ?? first]);
  });

  it("are put forward and back at known instants", () => {
    const year = [utc("2026-01-01T00:00"), utc("2027-01-01T00:00")] as const;
    expect(inWords(changesBetween("Europe/Berlin", ...year))).toEqual(["2026-03-29T01:00", "2026-10-25T01:00"]);
    expect(inWords(changesBetween("Australia/Lord_Howe", ...year))).toEqual(["2026-04-04T15:00", "2026-10-03T15:30"]);
    expect(changesBetween("UTC", ...year)).toEqual([]);
  });

  it("belong to instants, in every zone that there is", () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
    const instants = fc.integer({ min: utc("1990-01-01T00:00"), max: utc("2037-01-01T00:00") });
    fc.assert(
      fc.property(zones, instants, (zone, instant) => {
        const local = localAt(zone, instant);
        const found = instantsOf(zone, local);
        expect(found).toContain(instant);
        for (const one of found) expect(localAt(zone, one)).toBe(local);
        expect(firstAt(zone, local)).toBeLessThanOrEqual(instant);
      }),
      { numRuns: 300 },
    );
  });
});

it("is a zone only if it is in the database", () => {
  expect(["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"].map(isZone)).toEqual([true, true, true]);
  expect(["Europe/Berlinn", "+01:00", "", "Mars/Base"].map(isZone)).toEqual([false, false, false, false]);
});

it("tells an instant by the zone's clock, and by the reader's where that is another", () => {
  const at = utc("2026-03-06T08:00");
  expect(formatInstant(at, "Europe/Berlin", "Europe/Berlin")).toBe("Fri 2026-03-06 09:00 Europe/Berlin");
  expect(formatInstant(at, "Europe/Berlin", "America/New_York")).toBe(
    "Fri 2026-03-06 09:00 Europe/Berlin (Fri 2026-03-06 03:00 America/New_York)",
  );
});
