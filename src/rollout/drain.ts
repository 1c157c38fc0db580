import { EnvctlError } from "../base/errors.ts";
import { doneLine } from "../engine/capture.ts";
import type { Engine } from "../engine/engine.ts";
import { hasEarlyClients, tellNow } from "./early-clients.ts";
import { kernelAddress } from "./kernel-address.ts";
import type { ReadyCommands } from "./ready-commands.ts";

export interface Drain {
  /** Names of the proxies whose requests are waited for. */
  readonly proxies: readonly string[];
  readonly containers: readonly { readonly id: string; readonly name: string; readonly port: number }[];
  /** Milliseconds. */
  readonly limit: number;
}

/**
 * Looks at the connections of the proxy's container (proc(5), `/proc/net/tcp`) until none to these addresses is
 * established, nor one that may still ask for them. Standard input is a line: how long at most, in hundredths of a second
 * by the clock that nobody sets (`/proc/uptime`), and the addresses as the kernel writes them. A busy host looks less
 * often, not for longer. Constant text.
 */
const watch = [
  "read -r limit addresses || exit 0",
  tellNow,
  "now",
  "end=$((now + limit))",
  hasEarlyClients,
  "set --",
  'for address in $addresses; do set -- "$@" -e " $address 01 "; done',
  'while grep -q "$@" /proc/net/tcp 2>/dev/null || has_early_clients; do',
  "  now",
  '  [ "$now" -lt "$end" ] || exit 3',
  "  sleep 0.04",
  "done",
  `echo "${doneLine}"`,
].join("\n");

/** Waits in a proxy until the requests of others have ended, which it is told of by its input. */
export const drainCommand = ["sh", "-c", watch];

/**
 * Resolves when the proxies have no connection to the containers any more, or when the limit is over: what is still
 * open then has had its time. A proxy or container that is gone has none.
 */
export async function drain(
  { engine, commands }: { readonly engine: Engine; readonly commands: ReadyCommands },
  { proxies, containers, limit }: Drain,
  signal: AbortSignal,
): Promise<void> {
  const found = await Promise.all(
    containers.map(async ({ id, port }) => ({ container: await engine.container(id, signal), port })),
  );
  const addresses = found.flatMap(({ container, port }) =>
    Object.values(container?.networks ?? {}).flatMap(({ address }) => kernelAddress(address, port) ?? []),
  );
  if (addresses.length === 0) return;
  const input = `${Math.ceil(limit / 10)} ${addresses.join(" ")}\n`;
  await Promise.all(
    proxies.map(async (proxy) => {
      try {
        await commands.run(proxy, drainCommand, input, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof EnvctlError) || !isGone(error)) throw error;
      }
    }),
  );
}

function isGone(error: EnvctlError): boolean {
  return error.code === "container-not-running" || error.code === "container-missing";
}
