import { EnvctlError } from "../base/errors.ts";
import { capture } from "../engine/capture.ts";
import type { Engine } from "../engine/engine.ts";
import { kernelAddresses } from "./kernel-addresses.ts";

export interface Drain {
  /** Names of the proxies whose requests are waited for. */
  readonly proxies: readonly string[];
  readonly containers: readonly { readonly id: string; readonly name: string }[];
  readonly port: number;
  /** Milliseconds. */
  readonly limit: number;
}

/**
 * Looks at the connections of the proxy's container (proc(5), `/proc/net/tcp`) until none to these addresses is
 * established: `$1` is how long at most, in hundredths of a second by the clock that nobody sets (`/proc/uptime`), the
 * rest are addresses as the kernel writes them. A busy host looks less often, not for longer. Tenths of a second are as
 * much as the shells of all images can sleep. Constant text.
 */
const watch = [
  "now() { IFS='. ' read -r seconds hundredths rest </proc/uptime; now=$seconds$hundredths; }",
  "now",
  "end=$((now + $1))",
  "shift",
  'for address; do shift; set -- "$@" -e " $address 01 "; done',
  'while grep -q "$@" /proc/net/tcp /proc/net/tcp6 2>/dev/null; do',
  "  now",
  '  [ "$now" -lt "$end" ] || exit 3',
  "  sleep 0.1",
  "done",
].join("\n");

/**
 * Resolves when the proxies have no connection to the containers any more, or when the limit is over: what is still
 * open then has had its time. A proxy or container that is gone has none.
 */
export async function drain(
  engine: Engine,
  { proxies, containers, port, limit }: Drain,
  signal: AbortSignal,
): Promise<void> {
  const found = await Promise.all(containers.map(({ id }) => engine.container(id, signal)));
  const addresses = found.flatMap((container) =>
    Object.values(container?.networks ?? {}).flatMap(({ address }) =>
      address === "" ? [] : kernelAddresses(address, port),
    ),
  );
  if (addresses.length === 0) return;
  const hundredths = String(Math.ceil(limit / 10));
  await Promise.all(
    proxies.map(async (proxy) => {
      try {
        await capture(engine, proxy, ["sh", "-c", watch, "drain", hundredths, ...addresses], signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof EnvctlError) || !isGone(error)) throw error;
      }
    }),
  );
}

function isGone(error: EnvctlError): boolean {
  return error.code === "container-not-running" || error.code === "container-missing";
}
