import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { digestOf } from "../../src/base/digest.ts";
import { Progress } from "../../src/base/progress.ts";
import { type Notification, notificationEvents } from "../../src/environment/notification.ts";
import { type Announcement, announce, concerns, sentenceOf } from "../../src/promotion/announce.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";

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

describe("whoever is told", () => {
  const to = { events: notificationEvents, stages: undefined };
  const command = (name: string, ...words: string[]): Notification => ({
    ...to,
    kind: "command",
    name,
    command: words,
  });

  async function warningsOf(...notify: Notification[]): Promise<string[]> {
    const warnings: string[] = [];
    const progress = new Progress((event) => {
      if (event.type === "warning") warnings.push(event.message);
    });
    const environment = { notify, directory: import.meta.dirname };
    const workspace = { environment, variables: process.env, clock: systemClock, progress };
    await announce(workspace as unknown as Workspace, [announcement]);
    return warnings.sort();
  }

  it("by a command that fails is named without the command's words: one may be a secret", async () => {
    const told = await warningsOf(
      command("a", "sh", "-c", "exit 3", "hush-hush"),
      command("b", "sh", "-c", "kill $$", "hush-hush"),
      command("c", "./no-such-program", "hush-hush"),
      command("d", "sh", "-c", ":", "hush-hush"),
    );
    expect(told).toEqual([
      "a could not be told: it exited with code 3",
      "b could not be told: it was ended by SIGTERM",
      "c could not be told: it could not be started (ENOENT)",
    ]);
  });

  it("by a web hook at a port that `fetch` keeps from everybody is told why, and at once", async () => {
    const url = "http://127.0.0.1:10080/hush-hush";
    const told = await warningsOf({ ...to, kind: "webhook", name: "chat", url, secret: undefined, body: "text" });
    // Without "(tried 4 times)": no further try makes it another port.
    expect(told).toEqual(["chat could not be told: no web hook is sent to port 10080"]);
  });

  it("by a web hook that wants a password gets it in a header", async () => {
    const got: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      got.push(request.url, request.headers.authorization);
      response.writeHead(403).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = (user: string): Notification => {
      const address = `http://${user}127.0.0.1:${port}/hook`;
      return { ...to, kind: "webhook", name: "chat", url: address, secret: undefined, body: "text" };
    };
    try {
      expect(await warningsOf(url("robot:hush%20hush%@"))).toEqual(["chat could not be told: it answers 403"]);
      await warningsOf(url("robot:hush%40hush@"), url(""));
    } finally {
      server.close();
    }
    const basic = (user: string) => `Basic ${Buffer.from(user).toString("base64")}`;
    expect(got.slice(0, 2)).toEqual(["/hook", basic("robot:hush%20hush%")]);
    expect(got.slice(2)).toEqual(expect.arrayContaining([basic("robot:hush@hush"), undefined]));
  });
});
