import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** One request, as its client saw it. Times as of `performance.now()`. */
export interface Answer {
  readonly host: number;
  readonly begun: number;
  readonly ended: number;
  /** What answered; undefined for a request that failed. */
  readonly release: string | undefined;
  readonly error: string | undefined;
}

/** Milliseconds between two requests of a client. */
const pause = 40;
/** Milliseconds until a request counts as failed. */
const patience = 4000;

/** Clients of both hosts, each on a new connection for every request: quick ones, and ones whose answer takes a while. */
export class Traffic {
  readonly answers: Answer[] = [];
  readonly #ending = new AbortController();
  readonly #clients: Promise<void>[];

  constructor(bases: readonly string[]) {
    this.#clients = bases.flatMap((base, host) =>
      ["/", "/cgi-bin/slow"].map((path) => this.#ask(`${base}${path}`, host)),
    );
  }

  /** Resolves once what is under way has ended. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#clients);
  }

  async #ask(url: string, host: number): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const begun = performance.now();
      const found = await ask(url);
      this.answers.push({ host, begun, ended: performance.now(), ...found });
      await wait(pause);
    }
  }
}

/** Which release answers. */
export function ask(url: string): Promise<Pick<Answer, "release" | "error">> {
  return new Promise((resolve) => {
    const fail = (error: string) => resolve({ release: undefined, error });
    const asked = request(url, { agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("error", (error) => fail(error.message));
      response.on("end", () => {
        if (!response.complete) fail("the answer broke off");
        else if (body.trim() === "") fail(`HTTP ${response.statusCode} and nothing`);
        else if (response.statusCode === 200) resolve({ release: body.trim(), error: undefined });
        else fail(`HTTP ${response.statusCode}`);
      });
    });
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${patience / 1000} s`)), patience);
    asked.on("error", (error) => fail(error.message));
    asked.on("close", () => clearTimeout(timer));
    asked.end();
  });
}

/** What a host served, in order, each stretch once. */
export function stretches(answers: readonly Answer[]): string[] {
  const list: string[] = [];
  for (const { release } of [...answers].sort((left, right) => left.begun - right.begun))
    if (release !== undefined && list.at(-1) !== release) list.push(release);
  return list;
}
