import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { StageLock } from "../../src/rollout/lock.ts";
import type { LockHolder } from "../../src/rollout/lock-holder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";

const script = fileURLToPath(new URL("fixtures/lock-owner.ts", import.meta.url));
const minute = 60_000;
const forever = new AbortController().signal;

describeLab("a stage's lock", () => {
  let lab: Lab;
  let engine: Engine;
  let stage = "";
  let owners: { end(): Promise<string>; kill(): Promise<void> }[] = [];

  beforeAll(async () => {
    lab = await useLab();
    const { socket } = lab.host("test1");
    engine = await openEngine(
      { kind: "unix", name: "test1", path: socket },
      { variables: lab.env, interactive: false },
    );
  });

  afterEach(async () => {
    for (const owner of owners) await owner.kill();
    owners = [];
    await lockOf().break();
  });

  afterAll(() => engine.close());

  const lockOf = (skew = 0) =>
    new StageLock(
      engine,
      { environment: "locktest", stage },
      { ...systemClock, now: () => new Date(Date.now() + skew) },
    );
  const take = (lock: StageLock, waiting?: number, told: LockHolder[] = [], lifetime = 5 * minute) =>
    lock.take(
      { why: "us", lifetime, held: false },
      forever,
      waiting === undefined ? undefined : { limit: waiting, tell: (holder) => told.push(holder) },
    );
  /** What is really there, whoever it belongs to. */
  const numbers = async () =>
    (await engine.volumes({ "envctl.environment": "locktest", "envctl.stage": stage })).map(({ name }) => name);

  /** A process that holds the lock: of this machine, or of one that cannot be seen from here. */
  async function owner(where: "here" | "elsewhere", lifetime: number, skew = 0) {
    // With a process namespace of its own it is as far away as another machine; it dies with `unshare`.
    const away = where === "elsewhere" ? ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] : [];
    const words = [...away, process.execPath, "--import", "tsx", script, lab.host("test1").socket, stage];
    const [program = "", ...rest] = [...words, String(lifetime), String(skew)];
    const child = execa(program, rest, { reject: false, env: lab.env, buffer: true });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", () => child.then((result) => reject(new Error(result.stderr))));
    });
    const handle = {
      end: async () => {
        child.stdin.end();
        return (await child).stdout;
      },
      kill: async () => {
        child.kill("SIGKILL");
        await child;
      },
    };
    owners.push(handle);
    return handle;
  }

  it("is cleared away where its owner is gone, and only there", async () => {
    stage = "swept";
    const dead = await owner("here", 5 * minute);
    await lockOf().sweep(forever);
    expect(await numbers()).toHaveLength(1);
    await dead.kill();
    await lockOf().sweep(forever);
    expect(await numbers()).toEqual([]);
    await lockOf().sweep(forever);
  });

  it("takes at once a lock of its own that could not be released", async () => {
    stage = "given-up";
    let failures = 1;
    const silent = new Proxy(engine, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return async (...values: unknown[]) => {
          if (name === "removeVolume" && failures-- > 0) throw new Error("the host does not answer");
          return (await Reflect.apply(member, target, values)) as unknown;
        };
      },
    });
    const lock = new StageLock(silent, { environment: "locktest", stage }, systemClock);
    const first = await take(lock);
    await expect(first.release()).rejects.toThrow("does not answer");
    expect(await numbers()).toHaveLength(1);
    const second = await take(lock);
    await expect(take(lock)).rejects.toMatchObject({ code: "locked" });
    await second.release();
    expect(await numbers()).toEqual([]);
  });

  it("goes to one of many who come at once, and to each of them in the end", async () => {
    stage = "many";
    let inside = 0;
    let most = 0;
    const done = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const held = await take(lockOf(), 60_000);
        inside += 1;
        most = Math.max(most, inside);
        await wait(100);
        expect(await held.stillHeld()).toBe(true);
        inside -= 1;
        await held.release();
        return true;
      }),
    );
    expect([done.length, most]).toEqual([6, 1]);
    expect(await numbers()).toEqual([]);
  });

  it("is refused at once without waiting: exit 4, with who, since when and why", async () => {
    stage = "refused";
    const held = await take(lockOf());
    await expect(take(lockOf())).rejects.toMatchObject({
      code: "locked",
      exitCode: 4,
      message: expect.stringMatching(/^refused is locked by \S+ on \S+ since \d{4}-.*: us$/),
    });
    await expect(take(lockOf(), 700)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/is still, after 700ms, locked by/),
    });
    expect(await held.stillHeld()).toBe(true);
    await held.release();
  });

  it("is waited for, and goes on as soon as it is free", async () => {
    stage = "free";
    const other = await owner("elsewhere", 5 * minute);
    const told: LockHolder[] = [];
    const waiting = take(lockOf(), 60_000, told);
    await wait(1500);
    const [freed] = await Promise.all([other.end().then(() => performance.now()), waiting]);
    expect(performance.now() - freed).toBeLessThan(1000);
    expect(told.map(({ why }) => why)).toEqual(["a test"]);
    await (await waiting).release();
  });

  it("can be given up while waiting: nothing is left", async () => {
    stage = "given-up";
    const held = await take(lockOf());
    const controller = new AbortController();
    const waiting = lockOf().take({ why: "us", lifetime: minute, held: false }, controller.signal, {
      limit: minute,
      tell: () => controller.abort(new Error("interrupted")),
    });
    await expect(waiting).rejects.toThrow();
    expect(await numbers()).toHaveLength(1);
    await held.release();
    expect(await numbers()).toEqual([]);
  });

  it("of a process of this machine that was killed is taken over at once", async () => {
    stage = "killed";
    const dead = await owner("here", 60 * minute);
    const waiting = take(lockOf(), 60_000);
    await wait(1000);
    await dead.kill();
    const killed = performance.now();
    const held = await waiting;
    expect(performance.now() - killed).toBeLessThan(2000);
    expect(await numbers()).toEqual(["locktest-killed-lock-2"]);
    await held.release();
  });

  it("of a process elsewhere that was killed is taken over once its lifetime is over, not before", async () => {
    stage = "abandoned";
    const dead = await owner("elsewhere", 3000);
    await wait(2500);
    await expect(take(lockOf())).rejects.toMatchObject({ code: "locked" });
    await dead.kill();
    const killed = performance.now();
    await expect(take(lockOf())).rejects.toMatchObject({ code: "locked" });
    const [one, other] = await Promise.allSettled([take(lockOf(), 8000), take(lockOf(), 8000)]);
    // Its last renewal was at most a second before its end.
    expect(performance.now() - killed).toBeGreaterThan(2000);
    // Two waited: one has it, the other waits for that one, which lives.
    expect([one.status, other.status].sort()).toEqual(["fulfilled", "rejected"]);
  });

  it.each([10 * minute, -10 * minute])("is not lost by an owner that lives, with clocks %d ms apart", async (skew) => {
    stage = "skewed";
    const other = await owner("elsewhere", 2000, skew);
    await expect(take(lockOf(), 7000)).rejects.toMatchObject({ code: "locked" });
    await expect(take(lockOf(2 * skew), 100)).rejects.toMatchObject({ code: "locked" });
    expect(Number(/-(\d+)$/.exec((await numbers())[0] ?? "")?.[1])).toBeGreaterThan(5);
    expect(await other.end()).toMatch(/held true/);
    expect(await numbers()).toEqual([]);
  });

  it.each([10 * minute, -10 * minute])("is taken over from the dead, with clocks %d ms apart", async (skew) => {
    stage = "skewed-dead";
    const dead = await owner("elsewhere", 2000);
    await dead.kill();
    await expect(take(lockOf(skew))).rejects.toMatchObject({ code: "locked" });
    await (await take(lockOf(skew), 30_000)).release();
    expect(await numbers()).toEqual([]);
  });

  it("by hand ends by the engine's clock, and is not renewed", async () => {
    stage = "by-hand";
    await lockOf(60 * minute).take({ why: "sale", lifetime: 2000, held: true }, forever);
    await expect(take(lockOf(-60 * minute))).rejects.toMatchObject({ message: expect.stringMatching(/sale/) });
    await wait(4200);
    await (await take(lockOf(-60 * minute))).release();
  });

  it("that was broken is noticed by who had it, and does not come back", async () => {
    stage = "broken";
    const held = await take(lockOf(), undefined, [], 600);
    await wait(700);
    expect(await held.stillHeld()).toBe(true);
    const broken = await lockOf().break();
    expect(broken.map(({ why }) => why)).toEqual(["us"]);
    // What was seen just now counts for a moment.
    await wait(120);
    await expect(held.requireHeld()).rejects.toMatchObject({
      code: "lock-lost",
      exitCode: 4,
      message: "the lock of broken was broken while it was needed",
    });
    await wait(1000);
    expect(await numbers()).toEqual([]);
    const next = await take(lockOf());
    await expect(held.requireHeld()).rejects.toMatchObject({ message: expect.stringMatching(/holds it now: us$/) });
    await held.release();
    expect(await next.stillHeld()).toBe(true);
    await next.release();
  });

  it("can be broken at any moment of its renewal", async () => {
    stage = "renewing";
    for (let round = 0; round < 12; round += 1) {
      // Renewed every 20 ms: almost always in the middle of it.
      const held = await take(lockOf(), undefined, [], 60);
      await wait(20 + Math.random() * 60);
      await lockOf().break();
      await wait(100);
      expect(await numbers()).toEqual([]);
      expect(await held.stillHeld()).toBe(false);
      await held.release();
    }
  });

  it("outlasts a host that does not answer for a while", async () => {
    stage = "cut";
    const far = await openEngine(
      { kind: "ssh", name: "ssh://prod2", host: "prod2" },
      { variables: lab.env, interactive: false },
    );
    const held = await new StageLock(far, { environment: "locktest", stage }, systemClock).take(
      { why: "us", lifetime: minute, held: false },
      forever,
    );
    await lab.killEngine("prod2");
    expect(await held.stillHeld()).toBe(true);
    await lab.startEngine("prod2");
    expect(await held.stillHeld()).toBe(true);
    await held.release();
    await far.close();
  });
});
