import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

export interface Gap {
  /** Milliseconds: the longest time from one answer to the next. */
  readonly longest: number;
  readonly failed: number;
  readonly answered: number;
  /** Milliseconds from the beginning to the first answer that was another than the first one; undefined where none was. */
  readonly changed: number | undefined;
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
  const begun = performance.now();
  let last = begun;
  let first: string | undefined;
  let changed: number | undefined;
  let longest = 0;
  let failed = 0;
  let answered = 0;
  const ask = async () => {
    while (!stopped) {
      const text = await firstAnswer(urls);
      if (text !== undefined) {
        const now = performance.now();
        first ??= text;
        if (text !== first) changed ??= now - begun;
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
      return { longest: Math.max(longest, performance.now() - last), failed, answered, changed };
    },
  };
}

async function firstAnswer(urls: readonly string[]): Promise<string | undefined> {
  for (const url of urls) {
    const text = await answerOf(url);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Whether a URL answers with 200, whole. */
export async function answers(url: string): Promise<boolean> {
  return (await answerOf(url)) !== undefined;
}

function answerOf(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false, timeout: 5000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? text : undefined));
      response.on("error", () => resolve(undefined));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}
