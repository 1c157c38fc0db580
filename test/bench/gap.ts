import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

export interface Gap {
  /** Milliseconds: the longest time from one answer to the next. */
  readonly longest: number;
  readonly failed: number;
  readonly answered: number;
}

/** So many ask at once, each again and again after a short pause. Milliseconds. */
const askers = 4;
const pause = 20;

/**
 * Asks all the time, by a new connection each time, until it is stopped. Several URLs are several ways to one service: a
 * request fails where none of them answers with 200.
 */
export function watchGap(urls: readonly string[]): { stop(): Promise<Gap> } {
  let stopped = false;
  let last = performance.now();
  let longest = 0;
  let failed = 0;
  let answered = 0;
  const ask = async () => {
    while (!stopped) {
      if (await answersOneOf(urls)) {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        answered += 1;
      } else failed += 1;
      await wait(pause);
    }
  };
  const asking = Array.from({ length: askers }, ask);
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(asking);
      return { longest: Math.max(longest, performance.now() - last), failed, answered };
    },
  };
}

async function answersOneOf(urls: readonly string[]): Promise<boolean> {
  for (const url of urls) if (await answers(url)) return true;
  return false;
}

/** Whether a URL answers with 200, whole. */
export function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false, timeout: 5000 }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
