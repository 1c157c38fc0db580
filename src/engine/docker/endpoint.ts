import { existsSync } from "node:fs";
import { join } from "node:path";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { type HostAddress, parseHostAddress, type TlsFiles } from "../../base/host.ts";
import { homeFolder } from "../../base/user.ts";
import { currentContext, dockerConfigDirectory, readContext, tlsFilesIn, type Variables } from "./context.ts";

/** An address with nothing left to look up. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "ssh";
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
    }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: TlsFiles | undefined };

/**
 * Follows `local` and contexts to where the engine listens, in the order of the Docker CLI: `DOCKER_HOST`,
 * `DOCKER_CONTEXT`, the current context, the default socket, then the usual sockets of rootless engines.
 */
export async function resolveEndpoint(address: HostAddress, variables: Variables): Promise<Endpoint> {
  switch (address.kind) {
    case "unix":
      return { kind: "unix", path: address.path };
    case "ssh":
      return { kind: "ssh", host: address.host, user: address.user, port: address.port };
    case "tcp":
      return { kind: "tcp", host: address.host, port: address.port, tls: address.tls ?? tlsOfVariables(variables) };
    case "context":
      if (address.context === "default") return localEndpoint({ ...variables, DOCKER_CONTEXT: "default" });
      return contextEndpoint(address.context, variables);
    case "local":
      return localEndpoint(variables);
  }
}

async function localEndpoint(variables: Variables): Promise<Endpoint> {
  if (variables.DOCKER_HOST) {
    return endpointOf(variables.DOCKER_HOST, tlsOfVariables(variables), "DOCKER_HOST");
  }
  const context = await currentContext(variables);
  if (context !== undefined) return contextEndpoint(context, variables);
  const sockets = usualSockets(variables);
  const path = sockets.find((socket) => existsSync(socket));
  if (path !== undefined) return { kind: "unix", path };
  throw new EnvctlError({
    code: "docker-not-running",
    exitCode: ExitCode.unreachable,
    what: "no Docker engine listens on this machine",
    where: "local",
    next: "start it (sudo systemctl start docker), or say where it is with DOCKER_HOST",
    evidence: sockets.map((socket) => `there is no ${socket}`),
  });
}

async function contextEndpoint(name: string, variables: Variables): Promise<Endpoint> {
  const context = await readContext(name, variables);
  return endpointOf(context.host, context.tls, `Docker context ${name}`);
}

function endpointOf(text: string, tls: TlsFiles | undefined, origin: string): Endpoint {
  const pipe = /^npipe:\/\/(.+)$/.exec(text)?.[1];
  if (pipe !== undefined) return { kind: "unix", path: pipe.replaceAll("/", "\\") };
  const address = parseHostAddress(text);
  switch (address?.kind) {
    case "unix":
      return { kind: "unix", path: address.path };
    case "ssh":
      return { kind: "ssh", host: address.host, user: address.user, port: address.port };
    case "tcp":
      // Docker's port without TLS is 2375 (IANA); the parser's default is the one with TLS.
      return {
        kind: "tcp",
        host: address.host,
        port: /:\d+\/?$/.test(text) || tls ? address.port : 2375,
        tls,
      };
    default:
      throw new EnvctlError({
        code: "host-address-invalid",
        exitCode: ExitCode.usage,
        what: `${JSON.stringify(text)} is no address of an engine`,
        where: origin,
        next: "use unix:///path, ssh://user@host or tcp://host:port",
      });
  }
}

/** Docker CLI: TLS is used where `DOCKER_TLS_VERIFY` is not empty, with the files of `DOCKER_CERT_PATH`. */
function tlsOfVariables(variables: Variables): TlsFiles | undefined {
  if (!variables.DOCKER_TLS_VERIFY) return undefined;
  return tlsFilesIn(variables.DOCKER_CERT_PATH || dockerConfigDirectory(variables)) ?? {};
}

function usualSockets(variables: Variables): string[] {
  if (process.platform === "win32") return ["\\\\.\\pipe\\docker_engine"];
  const home = homeFolder(variables);
  const runtime = variables.XDG_RUNTIME_DIR;
  return [
    "/var/run/docker.sock",
    ...(runtime ? [join(runtime, "docker.sock")] : []),
    join(home, ".docker/run/docker.sock"),
    "/run/podman/podman.sock",
    ...(runtime ? [join(runtime, "podman/podman.sock")] : []),
  ];
}
