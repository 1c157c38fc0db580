import type { HostAddress } from "../../base/host.ts";
import type { Engine } from "../engine.ts";
import type { OpenOptions } from "../open-options.ts";
import type { Variables } from "./context.ts";
import { DockerEngine } from "./docker-engine.ts";
import { type Endpoint, resolveEndpoint } from "./endpoint.ts";
import { SshTransport } from "./transport/ssh.ts";
import { TcpTransport } from "./transport/tcp.ts";
import type { Transport } from "./transport/transport.ts";
import { UnixTransport } from "./transport/unix.ts";

/** Opens a Docker-compatible engine at any kind of address. */
export async function openDocker(address: HostAddress, options: OpenOptions): Promise<Engine> {
  options.signal?.throwIfAborted();
  const variables = options.variables ?? process.env;
  const endpoint = await resolveEndpoint(address, variables);
  const transport = await transportTo(endpoint, address.name, variables, options);
  return await DockerEngine.open(address.name, transport, options.signal);
}

async function transportTo(
  endpoint: Endpoint,
  name: string,
  variables: Variables,
  { interactive = false, compress = false }: OpenOptions,
): Promise<Transport> {
  switch (endpoint.kind) {
    case "unix":
      return new UnixTransport(endpoint.path, name);
    case "tcp":
      return new TcpTransport(endpoint.host, endpoint.port, endpoint.tls, name);
    case "ssh": {
      const { host, user, port } = endpoint;
      return await SshTransport.open(
        { host, user, port, configFile: variables.ENVCTL_SSH_CONFIG || undefined, interactive, compress },
        name,
      );
    }
  }
}
