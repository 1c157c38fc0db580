import { Duplex, PassThrough } from "node:stream";
import { type Engine, Label, type ObservedContainer } from "../engine/engine.ts";
import { isRunning } from "../plan/observed.ts";

/** Standard input and output become a connection to `$1`, port `$2`, by what the image has for that. Constant text. */
const connectScript = [
  'if command -v nc >/dev/null 2>&1; then exec nc "$1" "$2"; fi',
  'exec bash -c \'exec 3<>"/dev/tcp/$1/$2" || exit 1; cat <&3 & cat >&3; wait\' bash "$1" "$2"',
].join("\n");

/**
 * A connection to a container's port from inside the proxy that serves it, for engines whose containers cannot be reached
 * from here (plain TCP, Docker Desktop). Undefined where no running proxy shares a network with the container.
 */
export async function dialThroughProxy(
  engine: Engine,
  container: ObservedContainer,
  port: number,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  const proxies = await engine.containers({ [Label.role]: "proxy" }, signal);
  for (const proxy of proxies.filter(isRunning)) {
    const shared = Object.keys(container.networks).find((name) => name in proxy.networks);
    const address = shared === undefined ? undefined : container.networks[shared]?.address;
    if (address) return throughExec(engine, proxy.id, address, port, signal);
  }
  return undefined;
}

function throughExec(engine: Engine, proxy: string, address: string, port: number, signal: AbortSignal): Duplex {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const connection = Duplex.from({ writable: stdin, readable: stdout });
  stderr.resume();
  const command = ["sh", "-c", connectScript, "connect", address, String(port)];
  engine.exec(proxy, { command, env: {}, user: undefined, terminal: undefined, stdin, stdout, stderr, signal }).then(
    (code) => {
      if (code === 0) stdout.end();
      else connection.destroy(new Error("the connection was refused: nothing listens there"));
    },
    (error: unknown) => connection.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return connection;
}
