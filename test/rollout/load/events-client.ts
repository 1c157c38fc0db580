import type { IncomingMessage } from "node:http";
import { begin } from "./exchange.ts";
import type { Client } from "./http-clients.ts";

/** Reads server-sent events, whose numbers must follow each other, and connects again whenever the server ends them. */
export async function listen(client: Client): Promise<void> {
  const { recorder, kind, url, stop } = client;
  while (!stop.aborted) {
    const how = await hold(client);
    if (how === "closed") recorder.count(kind, "closed");
    else if (how !== "done") {
      recorder.failed(kind, url, how);
      await client.pause(100);
    }
  }
}

async function hold(client: Client): Promise<"closed" | "done" | (string & {})> {
  const { target, url, timeout, stop, recorder, kind } = client;
  const request = begin({ target, url, path: "/events", timeout });
  let silence: NodeJS.Timeout | undefined;
  let late = false;
  const expectMore = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      late = true;
      request.destroy();
    }, timeout);
  };
  const leave = () => request.destroy();
  stop.addEventListener("abort", leave);
  expectMore();
  try {
    return await new Promise((resolve) => {
      let response: IncomingMessage | undefined;
      request.on("response", (incoming) => {
        response = incoming;
        recorder.status(kind, incoming.statusCode ?? 0);
        if (incoming.statusCode !== 200) {
          resolve(`HTTP ${incoming.statusCode}`);
          request.destroy();
          return;
        }
        const take = readEvents(client);
        incoming.setEncoding("utf8").on("data", (text: string) => {
          expectMore();
          take(text);
        });
        incoming.on("error", () => {});
        incoming.on("close", () => {
          if (stop.aborted) resolve("done");
          else if (late) resolve("TIMEOUT");
          else resolve(incoming.complete ? "closed" : "CUT");
        });
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        if (response) return;
        if (stop.aborted) resolve("done");
        else resolve(late ? "TIMEOUT" : (error.code ?? error.message));
      });
      request.end();
    });
  } finally {
    clearTimeout(silence);
    stop.removeEventListener("abort", leave);
  }
}

/** Takes the text of one connection as it comes. */
function readEvents(client: Client): (text: string) => void {
  const { recorder, kind, url } = client;
  let pending = "";
  let last = 0;
  let before = performance.now();
  return (text) => {
    const blocks = (pending + text).split("\n\n");
    pending = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, id, release] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
      if (id === undefined || release === undefined) {
        recorder.failed(kind, url, "TRUNCATED");
        continue;
      }
      recorder.count(kind, "requests");
      recorder.answered(client, performance.now() - before);
      before = performance.now();
      recorder.release(url, release);
      if (Number(id) !== last + 1) recorder.failed(kind, url, "LOST", Math.max(1, Number(id) - last - 1));
      last = Number(id);
    }
  };
}
