import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { PortBinding } from "../environment/model.ts";
import { LocalForward } from "../rollout/local-forward.ts";

/** What became of one port. */
export interface Forwarded {
  readonly port: number;
  /** Why it does not lead to the host; undefined where it does. */
  readonly problem: string | undefined;
}

/** Ports of a host on this machine's loopback, for as long as the loop runs. */
export class PortForwards {
  readonly #engine: Engine;
  readonly #forwards = new Map<number, LocalForward>();
  /** Those that are no longer named: what goes through them goes on. */
  readonly #former: LocalForward[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Opens what is missing, closes what is no longer named; tells only of the former. */
  async set(bindings: readonly PortBinding[]): Promise<readonly Forwarded[]> {
    const wanted = new Map(bindings.filter(({ protocol }) => protocol === "tcp").map((one) => [one.hostPort, one]));
    for (const [port, forward] of this.#forwards) {
      if (wanted.has(port)) continue;
      forward.stop();
      this.#former.push(forward);
      this.#forwards.delete(port);
    }
    const missing = [...wanted.values()].filter(({ hostPort }) => !this.#forwards.has(hostPort));
    return await Promise.all(missing.map((binding) => this.#open(binding)));
  }

  async close(): Promise<void> {
    const all = [...this.#forwards.values(), ...this.#former];
    this.#forwards.clear();
    await Promise.all(all.map((forward) => forward.close()));
  }

  async #open({ hostPort, address }: PortBinding): Promise<Forwarded> {
    const anywhere = address === undefined || address === "0.0.0.0" || address === "::";
    const host = anywhere ? "127.0.0.1" : address;
    try {
      const forward = await LocalForward.open(hostPort, (signal) => this.#engine.dial(host, hostPort, signal));
      this.#forwards.set(hostPort, forward);
      return { port: hostPort, problem: undefined };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      const what = code === "EADDRINUSE" ? "another program on this machine has it" : messageOf(error);
      return { port: hostPort, problem: `${what}: end that, or publish the app on another port under \`ports\`` };
    }
  }
}
