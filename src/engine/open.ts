import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { HostAddress } from "../base/host.ts";
import type { Engine } from "./engine.ts";
import type { OpenOptions } from "./open-options.ts";

type OpenEngine = (address: HostAddress, options: OpenOptions) => Promise<Engine>;

/** Every kind of engine: one line each, loaded when first used. */
const engines: readonly { readonly kinds: readonly HostAddress["kind"][]; readonly load: () => Promise<OpenEngine> }[] =
  [
    {
      kinds: ["local", "unix", "ssh", "tcp", "context"],
      load: async () => (await import("./docker/open-docker.ts")).openDocker,
    },
  ];

/**
 * Connects to the engine at an address and agrees on a version with it. Throws an `EnvctlError` with exit code 5
 * where the host is out of reach. Whoever opens an engine closes it.
 */
export async function openEngine(address: HostAddress, options: OpenOptions = {}): Promise<Engine> {
  const engine = engines.find(({ kinds }) => kinds.includes(address.kind));
  if (!engine) {
    throw new EnvctlError({
      code: "engine-unknown",
      exitCode: ExitCode.usage,
      what: `there is no engine for addresses of the kind ${JSON.stringify(address.kind)}`,
      where: address.name,
    });
  }
  const open = await engine.load();
  return await open(address, options);
}
