import { request } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import type { Health } from "../environment/model.ts";
import { dialThroughProxy } from "./dial-through.ts";

/** What a probe found: `undefined` is healthy, a text says what is wrong. */
export type ProbeResult = string | undefined;

/**
 * Asks the container itself over the host's network, with no tools needed in the image: HTTP is healthy at a status
 * from 200 to 399, TCP when it accepts the connection.
 */
export async function probe(
  engine: Engine,
  container: ObservedContainer,
  health: Extract<Health, { kind: "http" | "tcp" }>,
  signal?: AbortSignal,
): Promise<ProbeResult> {
  const deadline = timeLimit(health.timeout);
  const limit = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const what = health.kind === "http" ? `GET ${health.path}` : `connecting to port ${health.port}`;
  try {
    const socket = await dialContainer(engine, container, health.port, limit);
    if (!socket) {
      return `port ${health.port} cannot be reached through this host's connection; publish it under \`ports\`, or use \`health.command\``;
    }
    try {
      if (health.kind === "http") return await httpStatus(socket, health.path, limit);
      await staysOpen(socket, limit);
      return undefined;
    } finally {
      socket.destroy();
    }
  } catch (error) {
    signal?.throwIfAborted();
    return deadline.aborted ? `${what} did not answer within ${health.timeout}ms` : `${what}: ${messageOf(error)}`;
  }
}

/** A connection to a container's port, by whatever way there is from here; undefined where there is none. */
export async function dialContainer(
  engine: Engine,
  container: ObservedContainer,
  port: number,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  const address = Object.values(container.networks).find((network) => network.address !== "")?.address;
  const direct = address === undefined ? undefined : await engine.dial(address, port, signal);
  if (direct) return direct;
  const published = container.ports.find((binding) => binding.containerPort === port && binding.protocol === "tcp");
  if (!published) return await dialThroughProxy(engine, container, port, signal);
  return connect({ host: await engine.publishedAddress(), port: published.hostPort });
}

/** A dialled stream counts as open once it connects; one made by a child process once it stays open for a moment. */
export function staysOpen(socket: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = setTimeout(resolve, 150);
    const fail = (error?: Error) => {
      clearTimeout(settle);
      reject(error ?? new Error("the connection was closed at once"));
    };
    socket.once("error", fail);
    socket.once("close", () => fail());
    socket.once("end", () => fail());
    socket.resume();
    signal.addEventListener("abort", () => fail(new Error("no answer")), { once: true });
  });
}

function httpStatus(socket: Duplex, path: string, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        createConnection: () => socket,
        path,
        method: "GET",
        headers: { Host: "localhost", "User-Agent": "envctl-health", Connection: "close" },
        signal,
      },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? undefined : `GET ${path} answered ${status}`);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
