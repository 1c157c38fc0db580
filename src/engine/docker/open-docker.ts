import type { HostAddress } from "../../base/host.ts";
import type { Engine } from "../engine.ts";
import type { OpenOptions } from "../open.ts";
import { DockerEngine } from "./docker-engine.ts";
import { type Endpoint, resolveEndpoint } from "./endpoint.ts";
import type { Transport } from "./transport/transport.ts";
import { UnixTransport } from "./transport/unix.ts";

/** Opens a Docker-compatible engine at any kind of address. */
export async function openDocker(address: HostAddress, options: OpenOptions): Promise<Engine> {
  const variables = options.variables ?? process.env;
  const endpoint = await resolveEndpoint(address, variables);
  return await DockerEngine.open(address.name, transportTo(endpoint, address.name), options.signal);
}

function transportTo(endpoint: Endpoint, name: string): Transport {
  switch (endpoint.kind) {
    case "unix":
      return new UnixTransport(endpoint.path, name);
    default:
      throw new Error("later");
  }
}
