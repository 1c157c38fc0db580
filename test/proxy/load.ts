import { Agent } from "node:http";
import { constants, setPriority } from "node:os";
import { ask } from "./request.ts";

export interface Load {
  /** Stops, and resolves to what happened once the last answer is there. */
  stop(): Promise<{ readonly answered: number; readonly failures: readonly string[] }>;
}

/**
 * Clients that ask one request after the other, kept alive and new, quick and slow, and try nothing twice. Many of them have
 * one connection each and answers that take longer than a proxy's notice that it is about to close what is idle.
 */
export function startLoad(address: string, port = 80): Load {
  // Clients have machines of their own: one that is held up for longer than the notice cannot take it.
  setPriority(constants.priority.PRIORITY_HIGHEST);
  const kept = new Agent({ keepAlive: true });
  const failures: string[] = [];
  let answered = 0;
  let stopped = false;
  const client = async (kind: string, agent: Agent | false, path: string, pause: number) => {
    while (!stopped) {
      try {
        const { status, text } = await ask(address, { port, agent, path, method: path === "/" ? "POST" : "GET" });
        if (status === 200) answered += 1;
        else failures.push(`${kind}: ${status} ${text}`);
      } catch (error) {
        failures.push(`${kind}: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const single = Array.from({ length: 40 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const clients = single.map((agent, index) => client("single", agent, `/?wait=${300 + 5 * index}`, 0));
  for (let index = 0; index < 8; index += 1) {
    clients.push(client("kept", kept, "/", 5 + index), client("new", false, "/", 5 + index));
    clients.push(client("slow", index % 2 ? kept : false, "/?wait=1000", 0));
  }
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(clients);
      for (const agent of [kept, ...single]) agent.destroy();
      setPriority(constants.priority.PRIORITY_NORMAL);
      return { answered, failures };
    },
  };
}
