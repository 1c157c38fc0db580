import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { type Notification, notificationEvents } from "../../src/environment/notification.ts";
import { type Announcement, concerns, sentenceOf } from "../../src/promotion/announce.ts";

const announcement: Announcement = {
  kind: "promote",
  outcome: "succeeded",
  environment: "shop",
  stage: "prod",
  release: { name: "3f2c1ab", digest: digestOf("image"), commit: undefined, dirty: false, fingerprint: "f00d" },
  from: "test",
  hosts: ["ssh://a"],
  services: {},
  by: "ada@laptop",
  at: "2026-01-01T10:00:00.000Z",
  reason: undefined,
};

const told: Notification = { name: "x", kind: "command", command: ["x"], events: ["promote"], stages: undefined };

describe("a notification", () => {
  it("is for the events and stages that the file names", () => {
    expect(concerns(told, announcement)).toBe(true);
    expect(concerns({ ...told, stages: ["test"] }, announcement)).toBe(false);
    expect(concerns({ ...told, events: ["up"] }, announcement)).toBe(false);
  });

  it("for `failed` is for whatever failed", () => {
    const failing: Notification = { ...told, events: ["failed"] };
    expect(concerns(failing, announcement)).toBe(false);
    for (const kind of notificationEvents) {
      if (kind !== "failed") expect(concerns(failing, { ...announcement, kind, outcome: "failed" })).toBe(true);
    }
  });

  it("says in one sentence what happened", () => {
    const said = (change: Partial<Announcement>) => sentenceOf({ ...announcement, ...change });
    expect(said({})).toBe("shop: prod runs 3f2c1ab, promoted from test (by ada@laptop)");
    expect(said({ outcome: "failed", reason: "it is unhealthy" })).toBe(
      "shop: the promotion of 3f2c1ab to prod failed: it is unhealthy (by ada@laptop)",
    );
    expect(said({ kind: "rollback" })).toBe("shop: prod went back to 3f2c1ab (by ada@laptop)");
    expect(said({ kind: "verify", outcome: "failed", reason: "home answers 500" })).toBe(
      "shop: the checks of 3f2c1ab in prod failed: home answers 500 (by ada@laptop)",
    );
    expect(said({ kind: "approve", comment: "go" })).toBe("shop: 3f2c1ab is approved for prod: go (by ada@laptop)");
    expect(said({ kind: "override", override: { gate: "window", reason: "a fire" } })).toBe(
      "shop: window was overridden for 3f2c1ab in prod: a fire (by ada@laptop)",
    );
  });
});
