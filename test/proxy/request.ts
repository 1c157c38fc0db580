import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request as plain } from "node:http";
import { request as secure } from "node:https";
import { TLSSocket } from "node:tls";

export interface Question {
  /** Name asked for; `shop.test` where it does not matter. */
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** For HTTPS: the authority to trust, or `false` to trust anybody. */
  readonly authority?: string | false;
  readonly agent?: Agent | false;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** When each piece of the body came, in milliseconds from the request. */
  readonly arrivals: readonly number[];
  /** Common name of the certificate's issuer. */
  readonly issuer: string | undefined;
}

/** Asks a proxy at an address as a client does that asked DNS for `host`. Nothing is tried twice. */
export function ask(address: string, question: Question = {}): Promise<Answer> {
  const { host = "shop.test", path = "/", method = "GET", authority, agent = false } = question;
  const options = { host: address, path, method, agent, headers: { host, ...question.headers } };
  const trust = authority === false ? { rejectUnauthorized: false } : { ca: authority };
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage) => {
      const pieces: Buffer[] = [];
      const arrivals: number[] = [];
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        arrivals.push(performance.now() - from);
      });
      response.on("error", reject);
      const { socket } = response;
      const issuer = socket instanceof TLSSocket ? String(socket.getPeerCertificate().issuer?.CN) : undefined;
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, arrivals, issuer });
      });
    };
    const asked =
      authority === undefined
        ? plain({ ...options, port: question.port ?? 80 }, answered)
        : secure({ ...options, ...trust, servername: host, port: question.port ?? 443 }, answered);
    asked.on("error", reject);
    asked.end(question.body);
  });
}

/** What `ProxyLab`'s upstream says it was sent. */
export interface Seen {
  readonly name: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly received: number;
}

/** Asks for what the upstream saw. Rejects if another than the upstream answered. */
export async function seen(address: string, question: Question = {}): Promise<Seen> {
  const { status, text } = await ask(address, question);
  if (status !== 200) throw new Error(`${status} ${text}`);
  return JSON.parse(text) as Seen;
}
