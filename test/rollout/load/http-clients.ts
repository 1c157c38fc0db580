import { createHash } from "node:crypto";
import { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import { expectedContent } from "./content.ts";
import { type Answer, type Call, ExchangeError, exchange } from "./exchange.ts";
import type { LoadKind, LoadTarget } from "./model.ts";
import type { Recorder } from "./recorder.ts";

/** One client: goes on until it is told to stop, and finishes what it began. */
export interface Client {
  readonly kind: LoadKind;
  readonly url: string;
  readonly target: LoadTarget;
  readonly recorder: Recorder;
  /** Milliseconds. */
  readonly timeout: number;
  /** Its number among those of its kind at its URL. */
  readonly index: number;
  readonly stop: AbortSignal;
  /** Milliseconds, or less if it is told to stop. */
  readonly pause: (duration: number) => Promise<void>;
}

const uploadPiece = 65_536;
const uploadPieces = 16;
const largeBytes = 1_048_576;

/** Milliseconds from one request of a client to its next. */
const paces: Partial<Readonly<Record<LoadKind, number>>> = { kept: 50, fresh: 100, idle: 1300 };

/** `/` over and over: by one connection (`kept`, `idle`) or a new one each time (`fresh`). */
export async function askPages(client: Client): Promise<void> {
  const settings = { keepAlive: true, maxSockets: 1 };
  const agent = client.url.startsWith("https:") ? new SecureAgent(settings) : new Agent(settings);
  try {
    await repeat(client, paces[client.kind] ?? 0, async () => {
      const call = callOf(client, "/");
      const answer = await retryOnce(client, client.kind === "fresh" ? call : { ...call, agent }, call);
      return () => isPage(client, answer);
    });
  } finally {
    agent.destroy();
  }
}

/** Looks at an answer to `/`, and notes which release gave it. */
export function isPage(client: Client, answer: Answer): boolean {
  const end = answer.body.indexOf("\n");
  const release = /^release (\S+)$/.exec(answer.body.subarray(0, Math.max(end, 0)).toString())?.[1];
  if (release !== undefined) client.recorder.release(client.url, release);
  return release !== undefined && answer.body.subarray(end + 1).equals(expectedContent(4096));
}

/** Answers that take 3 s: half of them begin at once, half of them only then. */
export async function askSlowly(client: Client): Promise<void> {
  const path = client.index % 2 === 0 ? "/slow?ms=3000" : "/slow-headers?ms=3000";
  await repeat(client, 0, async () => {
    const { body } = await ask(client, callOf(client, path));
    return () => body.equals(expectedContent(1024));
  });
}

export async function upload(client: Client): Promise<void> {
  const whole = expectedContent(uploadPiece * uploadPieces);
  const sha256 = createHash("sha256").update(whole).digest("hex");
  await repeat(client, 100, async () => {
    const { body } = await ask(client, {
      ...callOf(client, "/upload"),
      method: "POST",
      headers: { "Content-Length": whole.length },
      body: inPieces(whole),
    });
    return () => body.toString() === JSON.stringify({ bytes: whole.length, sha256 });
  });
}

export async function askLarge(client: Client): Promise<void> {
  await repeat(client, 300, async () => {
    const { body } = await ask(client, callOf(client, `/large?bytes=${largeBytes}`));
    return () => body.equals(expectedContent(largeBytes));
  });
}

async function* inPieces(whole: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < whole.length; start += uploadPiece) {
    yield whole.subarray(start, start + uploadPiece);
    // Never cut short: what was begun is finished, also when the load ends.
    await new Promise((resolve) => setTimeout(resolve, 1000 / uploadPieces));
  }
}

export function callOf({ target, url, timeout }: Client, path: string): Call {
  return { target, url, path, timeout };
}

/** Browsers ask again, over a new connection, when a kept one was closed just as they were using it. */
export async function retryOnce(client: Client, call: Call, again: Call): Promise<Answer> {
  try {
    return await ask(client, call);
  } catch (error) {
    if (!(error instanceof ExchangeError && error.reusedAndClosed)) throw error;
    client.recorder.count(client.kind, "retried");
    return await ask(client, again);
  }
}

async function ask(client: Client, call: Call): Promise<Answer> {
  const { recorder, kind } = client;
  const begun = performance.now();
  const answer = await exchange(call);
  recorder.answered(client, performance.now() - begun);
  recorder.status(kind, answer.status);
  if (answer.status !== 200) throw new ExchangeError(`HTTP ${answer.status}`);
  return answer;
}

/** `work` resolves to a look at the answer: whether it is what was asked for. Paced from beginning to beginning. */
export async function repeat(client: Client, pace: number, work: () => Promise<() => boolean>): Promise<void> {
  const { recorder, kind, url, stop } = client;
  while (!stop.aborted) {
    const begun = performance.now();
    recorder.count(kind, "requests");
    try {
      const isRight = await work();
      if (!isRight()) recorder.failed(kind, url, "TRUNCATED");
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      recorder.failed(kind, url, error.code, 1, error.timing);
      // A server that refuses at once must not be asked thousands of times.
      await client.pause(Math.max(pace, 50));
    }
    await client.pause(pace - (performance.now() - begun));
  }
}
