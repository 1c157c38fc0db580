import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { expect, it } from "vitest";
import { ProcessConnection } from "../../src/engine/docker/transport/process-connection.ts";

/** A host that answers one request and hangs up in order, as `docker system dial-stdio` does when its engine ends. */
const answersOnce = "read -r line; printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'; sleep 0.2";

function connectionTo(script: string): ProcessConnection {
  const child = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "pipe"] });
  return new ProcessConnection(child, ({ printed }) => new Error(printed));
}

it("is closed once its process has ended well, read or not", async () => {
  const read = connectionTo("exit 0");
  read.resume();
  const kept = connectionTo("exit 0");
  await Promise.all([read, kept].map((connection) => connection.closed || once(connection, "close")));
  expect([read.destroyed, kept.destroyed, read.errored, kept.errored]).toEqual([true, true, null, null]);
});

it("leaves the pool of kept-alive connections with its process: no request is sent into the void", async () => {
  const opened: ProcessConnection[] = [];
  const open = () => {
    const connection = connectionTo(answersOnce);
    opened.push(connection);
    return connection;
  };
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = open;
  const get = () =>
    new Promise<number>((resolve, reject) => {
      const asked = request({ agent, path: "/" }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      asked.setTimeout(5000, () => asked.destroy(new Error("no answer")));
      asked.on("error", reject);
      asked.end();
    });
  expect(await get()).toBe(200);
  await opened[0]?.ended;
  await new Promise(setImmediate);
  expect(await get()).toBe(200);
  expect(opened).toHaveLength(2);
  agent.destroy();
});
