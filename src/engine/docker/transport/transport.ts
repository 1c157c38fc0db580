import type { Duplex } from "node:stream";

/** One way to an engine's API and to the network of its host. */
export interface Transport {
  /** Connections for short calls that may be open at once: over SSH each one is a process and a channel. */
  readonly maxConnections: number;
  /** Milliseconds that a short call waits for its turn before a further connection is opened for it. */
  readonly patience: number;
  /** True where the engine listens on this very machine, so that its network may be ours. */
  readonly sameMachine: boolean;
  /** True where requests, secrets included, travel readable by anyone on the way. */
  readonly plaintext: boolean;
  /** Address at which this machine reaches ports the host publishes. */
  publishedAddress(): Promise<string>;
  /** A new connection to the engine's API. Throws an `EnvctlError` with exit code 5 where there is no way. */
  connect(signal?: AbortSignal): Promise<Duplex>;
  /** A TCP connection as the host itself would make it; undefined where this transport has no such way. */
  dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex | undefined>;
  /** Port on the host's loopback that leads to `port` on ours; undefined where this transport has no such way. */
  forwardToLoopback(port: number, signal?: AbortSignal): Promise<number | undefined>;
  /** Ends connections and processes. */
  close(): Promise<void>;
}
