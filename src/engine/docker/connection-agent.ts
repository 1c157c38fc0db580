import { Agent, type ClientRequestArgs } from "node:http";
import { type Duplex, PassThrough } from "node:stream";

/** With a server's name to ask for, even if none, node:http looks for none: that takes 8 ms. */
const options = { keepAlive: true, scheduling: "lifo", servername: "" } as const;

/** Keeps a transport's connections alive between short calls. The last one used is used first, so that idle ones age. */
export class ConnectionAgent extends Agent {
  readonly #connect: () => Promise<Duplex>;

  constructor(connect: () => Promise<Duplex>) {
    super(options);
    this.#connect = connect;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connect().then(
      (connection) => callback?.(null, connection),
      // The signature wants a stream beside the error; node:http never looks at it.
      (error: unknown) => callback?.(error instanceof Error ? error : new Error(String(error)), new PassThrough()),
    );
  }
}
