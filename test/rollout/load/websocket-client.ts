import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { begin } from "./exchange.ts";
import { clientFrame, FrameReader, Opcode } from "./frames.ts";
import type { Client } from "./http-clients.ts";

/** How a connection came to its end. */
interface Ending {
  /** `closed`: by the server, with a close frame; `done`: by us, as the load ends; else an error's code. */
  readonly how: "closed" | "done" | (string & {});
  /** Messages whose echo was still to come. */
  readonly unanswered: number;
}

const pace = 100;

/** Sends messages that must come back, and connects again whenever the server says goodbye. */
export async function echo(client: Client): Promise<void> {
  const { recorder, kind, url, stop } = client;
  while (!stop.aborted) {
    const { how, unanswered } = await hold(client);
    if (how === "closed") {
      // What crossed the server's goodbye is sent again by whoever keeps to the protocol: nothing is lost.
      recorder.count(kind, "closed");
      recorder.count(kind, "retried", unanswered);
    } else if (how !== "done") {
      recorder.failed(kind, url, how);
      if (unanswered > 0) recorder.failed(kind, url, "LOST", unanswered);
      await client.pause(100);
    } else if (unanswered > 0) recorder.failed(kind, url, "LOST", unanswered);
  }
}

async function hold(client: Client): Promise<Ending> {
  const connection = await connect(client);
  return typeof connection === "string"
    ? { how: connection, unanswered: 0 }
    : await talk(client, connection.socket, connection.head);
}

/** The upgraded connection, or why there is none. */
async function connect({ target, url, timeout }: Client): Promise<{ socket: Socket; head: Buffer } | string> {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": 13,
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
  };
  const request = begin({ target, url, path: "/socket", timeout, headers });
  const timer = setTimeout(() => request.destroy(new Error("TIMEOUT")), timeout);
  try {
    return await new Promise((resolve) => {
      request.on("upgrade", (_response, socket, head) => resolve({ socket, head }));
      request.on("response", (response) => {
        response.resume();
        resolve(`HTTP ${response.statusCode}`);
        request.destroy();
      });
      request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      request.end();
    });
  } finally {
    clearTimeout(timer);
  }
}

async function talk(client: Client, socket: Socket, head: Buffer): Promise<Ending> {
  const { recorder, kind, url, stop, timeout } = client;
  const sent = new Map<string, number>();
  const reader = new FrameReader();
  const state = { said: false, heard: false, late: false };
  let counter = 0;

  const send = () => {
    counter += 1;
    // Every tenth is long enough for the other form of length, and for a ping there is a pong.
    const text = `message ${counter} ${"x".repeat(counter % 10 === 0 ? 2000 : 20)}`;
    sent.set(text, performance.now());
    recorder.count(kind, "requests");
    socket.write(clientFrame(counter % 10 === 5 ? Opcode.ping : Opcode.text, Buffer.from(text)));
  };
  const sayGoodbye = () => {
    if (!state.said && !socket.destroyed) socket.write(clientFrame(Opcode.close, Buffer.from([0x03, 0xe8])));
    state.said = true;
  };
  const look = () => {
    const [oldest] = sent.values();
    if (oldest !== undefined && performance.now() - oldest > timeout) {
      state.late = true;
      socket.destroy();
    } else if (!stop.aborted) send();
    else if (sent.size === 0) sayGoodbye();
  };
  const take = (chunk: Buffer) => {
    for (const { opcode, payload } of reader.read(chunk)) {
      const text = payload.toString();
      if (opcode === Opcode.close) {
        state.heard = true;
        if (!state.said) socket.end(clientFrame(Opcode.close, payload));
      } else if (opcode === Opcode.ping) socket.write(clientFrame(Opcode.pong, payload));
      else if (text.startsWith("release ")) recorder.release(url, text.slice("release ".length));
      else {
        const begun = sent.get(text);
        if (begun === undefined) recorder.failed(kind, url, "UNASKED");
        else recorder.answered(client, performance.now() - begun);
        sent.delete(text);
      }
    }
  };

  const timer = setInterval(look, pace);
  try {
    await new Promise<void>((resolve) => {
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.on("end", () => socket.end());
      socket.on("data", take);
      take(head);
    });
  } finally {
    clearInterval(timer);
  }
  const how = state.said ? "done" : state.heard ? "closed" : state.late ? "TIMEOUT" : "CUT";
  return { how, unanswered: sent.size };
}
