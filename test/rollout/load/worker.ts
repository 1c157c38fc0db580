import { setMaxListeners } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { askEarly } from "./early-client.ts";
import { listen } from "./events-client.ts";
import { askLarge, askPages, askSlowly, type Client, upload } from "./http-clients.ts";
import { type LoadKind, type LoadMix, type LoadTarget, loadKinds } from "./model.ts";
import { Recorder } from "./recorder.ts";
import { echo } from "./websocket-client.ts";

/** All clients, in a thread of their own: what a test does meanwhile must not look like a server that stalls. */
const { target, mix } = workerData as { target: LoadTarget; mix: LoadMix };

/** About 150 requests a second in all. */
const defaultClients: Record<LoadKind, number> = {
  kept: 4,
  fresh: 3,
  idle: 4,
  early: 4,
  slow: 4,
  upload: 2,
  large: 2,
  websocket: 3,
  events: 3,
};

const lives: Record<LoadKind, (client: Client) => Promise<void>> = {
  kept: askPages,
  fresh: askPages,
  idle: askPages,
  early: askEarly,
  slow: askSlowly,
  upload,
  large: askLarge,
  websocket: echo,
  events: listen,
};

const stopping = new AbortController();
setMaxListeners(0, stopping.signal);
const plan = loadKinds.flatMap((kind) => {
  const wanted = mix[kind] ?? defaultClients[kind];
  const count = wanted === 0 ? 0 : Math.max(wanted, target.urls.length);
  return Array.from({ length: count }, (_, index) => {
    const url = target.urls[index % target.urls.length] ?? "";
    // Those at one URL count by themselves: there, too, half of the slow ones are of each sort.
    return { kind, url, index: Math.floor(index / target.urls.length) };
  });
});
const recorder = new Recorder(plan);

function pause(duration: number): Promise<void> {
  if (duration <= 0 || stopping.signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stopping.signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    stopping.signal.addEventListener("abort", end);
  });
}

function stop(): void {
  recorder.end();
  stopping.abort();
}

const limit = setTimeout(stop, mix.limit ?? 300_000);
const timeout = mix.timeout ?? 10_000;
const finished = Promise.all(
  plan.map(async (part, index) => {
    // Not all at the same instant, over and over.
    await pause((index * 37) % 200);
    await lives[part.kind]({ ...part, target, recorder, timeout, stop: stopping.signal, pause });
  }),
);

parentPort?.on("message", async (message: "stop" | "report") => {
  if (message === "stop") {
    clearTimeout(limit);
    stop();
    await finished;
  }
  parentPort?.postMessage({ report: recorder.report(), allAnswered: recorder.allAnswered });
  if (message === "stop") parentPort?.close();
});
