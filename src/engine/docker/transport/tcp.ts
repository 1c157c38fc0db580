import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { EnvctlError, ExitCode, messageOf } from "../../../base/errors.ts";
import type { TlsFiles } from "../../../base/host.ts";
import { connectTimeout, openSocket } from "./socket.ts";
import type { Transport } from "./transport.ts";

interface Pem {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** An engine on a TCP port: with TLS and certificates for both sides, or plain. */
export class TcpTransport implements Transport {
  readonly maxConnections = 8;
  readonly patience = 0;
  readonly sameMachine = false;
  readonly plaintext: boolean;
  readonly #host: string;
  readonly #port: number;
  readonly #tls: TlsFiles | undefined;
  readonly #where: string;
  readonly #open = new Set<Duplex>();
  #pem: Promise<Pem> | undefined;

  constructor(host: string, port: number, tls: TlsFiles | undefined, where: string) {
    this.#host = host;
    this.plaintext = tls === undefined;
    this.#port = port;
    this.#tls = tls;
    this.#where = where;
  }

  async connect(signal?: AbortSignal): Promise<Duplex> {
    const options = { host: this.#host, port: this.#port };
    const socket = this.#track(await openSocket(options, this.#where, signal));
    if (!this.#tls) return socket;
    this.#pem ??= readPem(this.#tls, this.#where);
    try {
      return this.#track(await this.#secure(socket, await this.#pem, signal));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async publishedAddress(): Promise<string> {
    return this.#host;
  }

  async dial(): Promise<undefined> {
    return undefined;
  }

  async forwardToLoopback(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
  }

  #secure(socket: Duplex, pem: Pem, signal: AbortSignal | undefined): Promise<TLSSocket> {
    const host = this.#host;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      // RFC 6066 §3: addresses are not permitted as a server name.
      const name = isIP(host) === 0 ? { servername: host } : {};
      const secure = connectTls({ ...pem, ...name, host, socket, ALPNProtocols: ["http/1.1"] });
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      const fail = (error: unknown) => {
        settle();
        secure.destroy();
        reject(error);
      };
      const abort = () => fail(signal?.reason);
      const timer = setTimeout(() => fail(this.#refused(new Error("no answer"))), connectTimeout);
      signal?.addEventListener("abort", abort, { once: true });
      secure.on("error", (error) => fail(this.#refused(error)));
      secure.once("secureConnect", () => {
        settle();
        resolve(secure);
      });
    });
  }

  #refused(error: unknown): EnvctlError {
    return new EnvctlError({
      code: "tls-failed",
      exitCode: ExitCode.unreachable,
      what: `TLS with the engine failed: ${messageOf(error)}`,
      where: this.#where,
      next: "check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH, and the name in the host's certificate",
      cause: error,
    });
  }

  #track<Socket extends Duplex>(socket: Socket): Socket {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }
}

async function readPem(files: TlsFiles, where: string): Promise<Pem> {
  const read = async (file: string) => {
    try {
      return await readFile(file);
    } catch (error) {
      throw new EnvctlError({
        code: "tls-file-unreadable",
        exitCode: ExitCode.usage,
        what: `cannot read ${file}: ${messageOf(error)}`,
        where,
        cause: error,
      });
    }
  };
  return {
    ...(files.ca === undefined ? {} : { ca: await read(files.ca) }),
    ...(files.cert === undefined ? {} : { cert: await read(files.cert) }),
    ...(files.key === undefined ? {} : { key: await read(files.key) }),
  };
}
