import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { formatReport } from "./load.ts";
import { bringToDev, runSeries, type Series, watchedApp, watchedDrivers } from "./rounds.ts";
import { judge } from "./rounds-verdict.ts";
import type { WatchedApp } from "./watched-app.ts";

const rounds = 1;

/** What is in dev may change only between two rounds of both. */
function whenBothAsk(bring: (round: number) => Promise<string>): (round: number) => Promise<string> {
  const waiting: ((brought: Promise<string>) => void)[] = [];
  return (round) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length < watchedDrivers.length) return;
      const brought = bring(round);
      for (const go of waiting.splice(0)) go(brought);
    });
}

/** `npm run load` in small: both drivers at once, and each release of dev for both. */
describeLab("promotions and rollbacks under traffic", () => {
  let lab: Lab;
  let app: WatchedApp;
  let all: Series[];

  beforeAll(async () => {
    await Promise.all([ensureBaseImage("caddy"), ensureBaseImage("haproxy")]);
    lab = await useLab();
    app = watchedApp(lab);
    const next = whenBothAsk(async (round) => {
      await bringToDev(app, `r${round}`);
      return `r${round}`;
    });
    const mix = {
      kept: 2,
      fresh: 2,
      idle: 4,
      early: 4,
      slow: 4,
      upload: 2,
      large: 2,
      websocket: 2,
      events: 2,
      limit: 150_000,
    };
    // One proxy after the other: an engine under load has called the port of one taken that was started beside another.
    await bringToDev(app, "r0");
    for (const driver of watchedDrivers) await app.envctl("promote", driver);
    all = await Promise.all(watchedDrivers.map((driver) => runSeries(lab, app, driver, { rounds, next, mix })));
  }, 300_000);

  afterAll(() => app?.remove());

  it.each(watchedDrivers)("are noticed by no client of %s", (driver) => {
    const series = all.find((one) => one.driver === driver);
    expect(series).toMatchObject({ promotions: rounds, rollbacks: rounds, hosts: 2 });
    if (!series) return;
    const told = formatReport(series.load).join("\n");
    expect(
      judge(series).filter(({ holds }) => !holds),
      told,
    ).toEqual([]);
  });
});
