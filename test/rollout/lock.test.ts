import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { waitWithValue } from "../../src/cli/global-options.ts";
import type { LockHolder } from "../../src/rollout/lock-holder.ts";
import { newestOfEach } from "../../src/rollout/lock-holder.ts";
import { isGone } from "../../src/rollout/lock-owner.ts";
import { isRunning, ownIdentity } from "../../src/rollout/process-identity.ts";

const minute = 60_000;
const made = Date.parse("2026-03-01T12:00:00Z");

function holder(more: Partial<LockHolder> = {}): LockHolder {
  return {
    name: "shop-prod-lock-1",
    nonce: "n",
    user: "u",
    machine: "m",
    process: { id: 1, start: "1", space: "elsewhere" },
    why: "",
    since: new Date(made),
    renewed: new Date(made),
    createdAt: new Date(made),
    lifetime: 5 * minute,
    held: false,
    ...more,
  };
}

describe("the owner of a lock", () => {
  const at = (engine: number | undefined, own: number, watched = 0, running?: boolean) => ({
    running,
    engineTime: engine === undefined ? undefined : new Date(made + engine * minute),
    ownTime: new Date(made + own * minute),
    watched: watched * minute,
  });

  it.each<[string, ReturnType<typeof at>, boolean]>([
    ["has just renewed", at(1, 1), false],
    ["is late, but within the lifetime", at(4.9, 4.9), false],
    ["has not renewed for its lifetime by both clocks", at(6, 6), true],
    ["is late by our clock alone, which is fast", at(1, 30), false],
    ["is late by the engine's clock alone, which was set or slept", at(60, 1), false],
    ["is late by the engine's clock, and ours is slow", at(60, -30), false],
    ["is late by the engine's clock, ours is slow, and nothing has moved all the while", at(60, -30, 5.1), true],
    ["has not moved for a lifetime whatever the clocks say", at(-20, -20, 5.1), true],
    ["cannot be dated by an engine without a clock", at(undefined, 60), false],
    ["cannot be dated, and has not moved", at(undefined, 60, 5.1), true],
    ["runs on this machine, however late", at(600, 600, 600, true), false],
    ["ran on this machine and is gone", at(0, 0, 0, false), true],
  ])("%s", (_, evidence, gone) => {
    expect(isGone(holder(), evidence)).toBe(gone);
  });

  it("of a lock by hand may be gone: only its time counts, by the engine's clock", () => {
    const byHand = holder({ held: true });
    expect(isGone(byHand, at(4, 60, 60, false))).toBe(false);
    expect(isGone(byHand, at(6, -60))).toBe(true);
    expect(isGone(byHand, at(undefined, 6))).toBe(true);
  });

  it("is not dead for the second in which engines tell time", () => {
    const engineTime = new Date(made + 5 * minute + 900);
    expect(isGone(holder(), { ...at(0, 6), engineTime })).toBe(false);
  });

  it("is told once while the lock is renewed", () => {
    const next = holder({ name: "shop-prod-lock-2" });
    const other = holder({ nonce: "o" });
    expect(newestOfEach([next, holder(), other])).toEqual([next, other]);
    expect(newestOfEach([holder({ name: "shop-prod-lock-9" }), holder({ name: "shop-prod-lock-10" })])).toEqual([
      holder({ name: "shop-prod-lock-10" }),
    ]);
  });
});

describe("a process", () => {
  it("is told from one that has its number later, and from one elsewhere", async () => {
    const own = ownIdentity();
    expect(isRunning(own)).toBe(true);
    expect(isRunning({ ...own, start: "1" })).toBe(false);
    expect(isRunning({ ...own, space: "another boot pid:[1]" })).toBe(undefined);
    const child = spawn("sleep", ["100"]);
    const identity = { ...own, id: child.pid ?? 0, start: undefined };
    expect(isRunning(identity)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "close");
    expect(isRunning(identity)).toBe(false);
  });
});

describe("--wait", () => {
  it("takes the next word only where it is a duration", () => {
    expect(waitWithValue(["up", "--wait", "dev"])).toEqual(["up", "--wait=10m", "dev"]);
    expect(waitWithValue(["up", "dev", "--wait"])).toEqual(["up", "dev", "--wait=10m"]);
    expect(waitWithValue(["up", "--wait", "5m", "dev"])).toEqual(["up", "--wait", "5m", "dev"]);
    expect(waitWithValue(["exec", "dev", "--", "x", "--wait"])).toEqual(["exec", "dev", "--", "x", "--wait"]);
  });
});
