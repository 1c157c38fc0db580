import { connect as connectSocket, type NetConnectOpts, type Socket } from "node:net";
import { EnvctlError, ExitCode, messageOf } from "../../../base/errors.ts";

/** Milliseconds a TCP connection may take: a host that drops packets answers never. */
export const connectTimeout = 10_000;

/**
 * Connects, or throws an `EnvctlError` that names `where`. The socket has TCP keep-alive on, so that a stream from
 * a host that vanished ends some day.
 */
export function openSocket(options: NetConnectOpts, where: string, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connectSocket(options);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      socket.removeAllListeners();
    };
    const fail = (reason: unknown) => {
      settle();
      socket.on("error", () => {}); // Destroying a socket that is still connecting may report once more.
      socket.destroy();
      reject(reason);
    };
    const abort = () => fail(signal?.reason);
    const timer = setTimeout(() => fail(connectionError({ code: "ETIMEDOUT" }, where)), connectTimeout);
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("error", (error) => fail(connectionError(error, where)));
    socket.once("connect", () => {
      settle();
      socket.setKeepAlive(true, 15_000);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** Says in words why a connection could not be made. */
function connectionError(error: unknown, where: string): EnvctlError {
  const systemCode = error instanceof Object && "code" in error ? String(error.code) : "";
  const known = reasons[systemCode];
  return new EnvctlError({
    code: known?.code ?? "host-unreachable",
    exitCode: ExitCode.unreachable,
    what: known?.what ?? `cannot connect: ${messageOf(error)}`,
    where,
    next: known?.next,
    cause: error,
  });
}

const noSocket = {
  code: "docker-not-running",
  what: "no Docker engine listens there",
  next: "start it (sudo systemctl start docker), or say where it is with DOCKER_HOST",
};
const noRoute = {
  code: "host-timeout",
  what: "the host does not answer",
  next: "check that the host is up and that no firewall drops the connection",
};
const reasons: Readonly<Record<string, { code: string; what: string; next: string }>> = {
  ENOENT: noSocket,
  ECONNREFUSED: {
    code: "host-refused",
    what: "the connection was refused: nothing listens there",
    next: "check that the engine runs, and its address and port",
  },
  EACCES: {
    code: "docker-permission-denied",
    what: "this user may not use the Docker socket",
    next: 'run "sudo usermod -aG docker $USER", then log out and in again',
  },
  ENOTFOUND: {
    code: "host-not-found",
    what: "the host's name cannot be resolved",
    next: "check the name in the environment file, and DNS",
  },
  EAI_AGAIN: { code: "host-not-found", what: "name resolution does not answer", next: "check DNS" },
  ETIMEDOUT: noRoute,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
};
