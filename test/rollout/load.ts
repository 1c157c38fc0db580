import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import type { LoadMix, LoadReport, LoadTarget } from "./load/model.ts";

export { formatReport } from "./load/format.ts";
export type { LoadMix } from "./load/model.ts";

/** Clients of many kinds, asking the app of `fixtures/app` all at once and all the time. */
export interface Load {
  /** Resolves once every client that should have an answer at once had one. */
  untilAnswered(timeout?: number): Promise<void>;
  /** What was seen so far. */
  report(): Promise<LoadReport>;
  /** Ends what is under way in order (a slow answer takes its 3 s), and tells what was seen. */
  stop(): Promise<LoadReport>;
}

interface Message {
  readonly report: LoadReport;
  readonly allAnswered: boolean;
}

export async function startLoad(target: LoadTarget, mix: LoadMix = {}): Promise<Load> {
  for (const url of target.urls) refuseForeign(url);
  const worker = new Worker(await workerProgram(), { eval: true, workerData: { target, mix }, execArgv: [] });
  let failure: unknown;
  worker.on("error", (error) => {
    failure = error;
  });
  await once(worker, "online");
  let queue: Promise<unknown> = Promise.resolve();
  const ask = (question: "report" | "stop"): Promise<Message> => {
    const answer = queue.then(async () => {
      if (failure !== undefined) throw failure;
      worker.postMessage(question);
      return (await once(worker, "message"))[0] as Message;
    });
    queue = answer.catch(() => {});
    return answer;
  };
  let end: Promise<Message> | undefined;
  return {
    untilAnswered: async (timeout = 10_000) => {
      for (const begun = performance.now(); !(await ask("report")).allAnswered; await wait(50))
        if (performance.now() - begun > timeout) throw new Error(`no answer from ${target.urls.join(", ")}`);
    },
    report: async () => (await ask("report")).report,
    stop: async () => {
      end ??= ask("stop").finally(() => worker.terminate());
      return (await end).report;
    },
  };
}

/** Node 20 loads no TypeScript into a thread, whatever the process was started with. */
async function workerProgram(): Promise<string> {
  const entry = fileURLToPath(new URL("load/worker.ts", import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** Throws unless the URL's host is an address of this machine, or of a network that a lab has made on it. */
function refuseForeign(url: string): void {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)) return;
  const networks = Object.entries(networkInterfaces())
    .filter(([name]) => /^el[0-9a-f]{6}-/.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ family }) => family === "IPv4")
    .map(({ address }) => address.split(".").slice(0, 2).join("."));
  if (networks.includes(host.split(".").slice(0, 2).join(".")) && /^\d+\.\d+\.\d+\.\d+$/.test(host)) return;
  throw new Error(`${url}: load is for this machine and the lab's hosts alone`);
}
