import { describe, expect, it } from "vitest";
import { lastHosts, runsOn } from "../../src/promotion/last-hosts.ts";
import { isChange, parseRecord, type StageRecord } from "../../src/promotion/record.ts";

const at = "2026-01-01T12:00:00Z";
function record(more: Partial<StageRecord>): StageRecord {
  return {
    ...{ version: 1, kind: "promote", outcome: "succeeded", environment: "shop", stage: "test", from: undefined },
    ...{ release: undefined, hosts: ["a"], services: {}, by: "me", at, reason: undefined },
    ...more,
  };
}
const former = (...hosts: string[]) => record({ kind: "down", hosts, former: true });
const ran = (change: StageRecord, since: readonly StageRecord[] = []) => lastHosts(change, since)?.ran;

describe("where a stage ran", () => {
  it("is on the hosts of its newest change, as records of all ages have it", () => {
    expect(lastHosts(undefined, [])).toBeUndefined();
    expect(lastHosts(record({ hosts: ["a", "b"] }), [])).toEqual({ ran: ["a", "b"], had: ["a", "b"], at });
    expect(ran(record({ kind: "down" }))).toEqual([]);
  });

  it("goes on from record to record until it is taken down there", () => {
    const change = record(runsOnAfter({ hosts: ["a"] }, { former: ["b", "c"], kept: ["a"] }));
    expect(ran(change)).toEqual(["a", "b", "c"]);
    expect(ran(change, [record({ kind: "verify" }), former("b")])).toEqual(["a", "c"]);
    expect(ran(change, [former("c"), former("b")])).toEqual(["a"]);
  });

  it("is where it was, after a change that failed", () => {
    const hosts = ["a", "new"];
    expect(ran(record(runsOnAfter({ outcome: "failed", hosts }, { former: ["b"], kept: ["a"] })))).toEqual(["a", "b"]);
    expect(ran(record(runsOnAfter({ outcome: "failed", hosts: ["a"] }, { former: [], kept: [] })))).toEqual([]);
  });

  it("stays on other hosts when the stage is taken down on its own", () => {
    expect(ran(record(runsOnAfter({ kind: "down" }, { former: ["b"], kept: ["a"] })))).toEqual(["b"]);
  });

  it("is no word of a record where there is nothing to add", () => {
    expect(runsOn(record({}), { former: [], kept: ["a"] })).toEqual({});
    expect(runsOn(record({ kind: "down" }), { former: [], kept: ["a"] })).toEqual({});
  });

  function runsOnAfter(more: Partial<StageRecord>, since: Parameters<typeof runsOn>[1]): Partial<StageRecord> {
    return { ...more, ...runsOn(record(more), since) };
  }
});

describe("taking down a former host", () => {
  it("changes nothing of what the stage runs", () => {
    expect([isChange(former("b")), isChange(record({ kind: "down" }))]).toEqual([false, true]);
  });

  it("is read from the registry like any other record", () => {
    expect(parseRecord(JSON.parse(JSON.stringify(former("b"))))).toMatchObject({ former: true, hosts: ["b"] });
    expect(parseRecord({ ...record({}), runsOn: "a" })).toBeUndefined();
  });
});
