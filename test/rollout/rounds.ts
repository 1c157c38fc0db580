import { get } from "node:http";
import type { Lab, LabHost } from "../lab/lab.ts";
import type { LoadMix, LoadReport } from "./load/model.ts";
import { startLoad } from "./load.ts";
import { WatchedApp } from "./watched-app.ts";

/** The drivers of the proxies that the traffic goes through. */
export const watchedDrivers = ["caddy", "haproxy"] as const;
export type WatchedDriver = (typeof watchedDrivers)[number];

/** How the releases take turns. */
export const watchedStrategies = ["rolling", "blue-green"] as const;
export type WatchedStrategy = (typeof watchedStrategies)[number];

const ports: Readonly<Record<WatchedDriver, number>> = { caddy: 18_491, haproxy: 18_492 };

/** Longer than the slowest answer of the load takes. */
const drain = "4s";

/** What clients saw of the promotions and rollbacks of one stage. */
export interface Series {
  readonly driver: WatchedDriver;
  readonly strategy: WatchedStrategy;
  /** Each switches both hosts. */
  readonly promotions: number;
  readonly rollbacks: number;
  readonly hosts: number;
  /** Milliseconds that each verb took. */
  readonly took: { readonly promote: readonly number[]; readonly rollback: readonly number[] };
  readonly load: LoadReport;
}

/** One stage for each driver, all behind the same dev. */
export function watchedApp(lab: Lab, strategy: WatchedStrategy = "rolling"): WatchedApp {
  const stage = (driver: WatchedDriver) =>
    `{ after: dev, hosts: [${hostsOf(lab).map(({ name }) => `ssh://${name}`)}], ports: ["${ports[driver]}:8080"], proxy: { driver: ${driver}, drain: ${drain} }, rollout: { strategy: ${strategy}, batch: 2, keep: 1 } }`;
  const stages = { dev: "{}", caddy: stage("caddy"), haproxy: stage("haproxy") };
  return new WatchedApp(lab, { name: `rounds${process.pid}`, stages });
}

/** Builds a release, and has it run in dev. */
export async function bringToDev(app: WatchedApp, release: string): Promise<void> {
  app.release(release);
  await app.envctl("up", "dev");
}

/**
 * Promotes and rolls back, over and over, while clients of all kinds ask both hosts. `next` brings the release of the
 * next round to dev and resolves to its name; the first is what runs before anybody asks.
 */
export async function runSeries(
  lab: Lab,
  app: WatchedApp,
  driver: WatchedDriver,
  options: {
    readonly rounds: number;
    readonly next: (round: number) => Promise<string>;
    /** As the stage has it. */
    readonly strategy?: WatchedStrategy;
    readonly mix?: LoadMix;
    readonly tell?: (text: string) => void;
  },
): Promise<Series> {
  const urls = hostsOf(lab).map(({ ip }) => `http://${ip}:${ports[driver]}`);
  const took = { promote: [] as number[], rollback: [] as number[] };
  const before = await options.next(0);
  await app.envctl("promote", driver);
  const load = await startLoad({ urls }, { limit: 3_600_000, ...options.mix });
  try {
    await load.untilAnswered();
    for (let round = 1; round <= options.rounds; round += 1) {
      const release = await options.next(round);
      took.promote.push(await app.envctl("promote", driver));
      await requireRelease(urls, release);
      took.rollback.push(await app.envctl("rollback", driver));
      await requireRelease(urls, before);
      options.tell?.(`${driver}: round ${round} of ${options.rounds}`);
    }
  } finally {
    await load.stop();
  }
  return {
    driver,
    strategy: options.strategy ?? "rolling",
    promotions: took.promote.length,
    rollbacks: took.rollback.length,
    hosts: urls.length,
    took,
    load: await load.stop(),
  };
}

function hostsOf(lab: Lab): readonly LabHost[] {
  return [lab.host("prod1"), lab.host("prod2")];
}

/** A rollout that switches nothing would disturb nobody, either. */
async function requireRelease(urls: readonly string[], release: string): Promise<void> {
  for (const url of urls) {
    const [found] = (await read(`${url}/who`)).split(" ");
    if (found !== release) throw new Error(`${url} serves ${found}, not ${release}`);
  }
}

function read(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, timeout: 5000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}
