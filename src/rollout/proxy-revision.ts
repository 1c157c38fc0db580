import { request } from "node:http";
import type { Duplex } from "node:stream";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { proxyNetwork } from "../plan/naming.ts";
import { revisionPort } from "../proxy/proxy.ts";
import { lastLines } from "./last-lines.ts";

/** How long a proxy may take to answer after it was started, or told of a change. Milliseconds. */
const patience = 20_000;
const firstPause = 10;
const longestPause = 250;

/**
 * Resolves once the proxy says that it serves this revision; with undefined, once it says anything. Where the transport
 * has no way to a container's address, the proxy's own word at its activation must do. `seen` is the proxy as it was a
 * moment ago: it is looked at again only where it does not say so at once.
 */
export async function untilRevision(
  engine: Engine,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
  seen?: ObservedContainer,
): Promise<void> {
  const end = performance.now() + patience;
  let why = "it does not run";
  let container = seen;
  for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
    signal.throwIfAborted();
    container ??= await engine.container(id, signal);
    const address = container?.networks[proxyNetwork]?.address;
    if (address) {
      try {
        const found = await askRevision(engine, address, signal);
        if (found === undefined || revision === undefined || found === revision) return;
        why = `it serves revision ${found}, not ${revision}`;
      } catch (error) {
        signal.throwIfAborted();
        why = messageOf(error);
      }
    }
    if (performance.now() > end || container?.state === "exited" || (container?.restartCount ?? 0) > 3) break;
    await new Promise((resolve) => setTimeout(resolve, pause));
    container = undefined;
  }
  throw new EnvctlError({
    code: "proxy-silent",
    exitCode: ExitCode.failed,
    what: `the proxy does not answer: ${why}`,
    where: `${engine.name}, container ${id}`,
    evidence: ["its last output:", ...(await lastLines(engine, id, 20)).map((line) => `  ${line}`)],
  });
}

/**
 * The revision that a proxy serves now; undefined where the transport has no way to it. Rejects where it does not answer.
 */
export async function liveRevision(
  engine: Engine,
  container: ObservedContainer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const address = container.networks[proxyNetwork]?.address;
  if (!address) throw new Error(`it is not on the network ${proxyNetwork}`);
  return await askRevision(engine, address, signal);
}

async function askRevision(engine: Engine, address: string, signal: AbortSignal): Promise<string | undefined> {
  const limit = AbortSignal.any([signal, timeLimit(2000)]);
  const socket = await engine.dial(address, revisionPort, limit);
  if (!socket) return undefined;
  try {
    return await get(socket, limit);
  } finally {
    socket.destroy();
  }
}

function get(socket: Duplex, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    const asked = request(
      {
        createConnection: () => socket,
        path: "/revision",
        headers: { Host: "localhost", Connection: "close" },
        signal,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("error", reject);
        response.on("end", () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`GET /revision: ${response.statusCode}`)),
        );
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
