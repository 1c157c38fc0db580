import { ask, type Question } from "../proxy/request.ts";

/** What clients got while something else went on. */
export interface Answers {
  /** How often each status came; `failed` counts connections that were refused or broke. */
  readonly counts: Readonly<Record<string, number>>;
  /** Bodies that came, each once. */
  readonly bodies: ReadonlySet<string>;
}

/** Asks again and again, one request after the other, each by a new connection, while `work` goes on. */
export async function askDuring(address: string, question: Question, work: () => Promise<unknown>): Promise<Answers> {
  const counts: Record<string, number> = {};
  const bodies = new Set<string>();
  let busy = true;
  const asking = (async () => {
    while (busy) {
      const answer = await ask(address, question).catch(() => undefined);
      const key = answer ? String(answer.status) : "failed";
      counts[key] = (counts[key] ?? 0) + 1;
      if (answer) bodies.add(answer.text.trim());
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  try {
    await work();
  } finally {
    busy = false;
    await asking;
  }
  return { counts, bodies };
}
