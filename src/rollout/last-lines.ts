import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";

/** A container's last lines of output. Empty where the engine no longer gives any. */
export async function lastLines(engine: Engine, id: string, count: number): Promise<string[]> {
  const lines: string[] = [];
  try {
    const options = {
      follow: false,
      tail: count,
      since: undefined,
      timestamps: false,
      signal: timeLimit(5000),
    };
    for await (const line of engine.logs(id, options)) lines.push(line.text);
    return folded(lines);
  } catch (error) {
    // The logs are evidence for another failure: that failure must not be hidden by this one.
    lines.push(`(its logs could not be read: ${error instanceof Error ? error.message : String(error)})`);
  }
  return lines;
}

/** A line that comes again and again is told once, with its count. */
function folded(lines: readonly string[]): string[] {
  const result: { text: string; count: number }[] = [];
  for (const text of lines) {
    const last = result.at(-1);
    if (last?.text === text) last.count += 1;
    else result.push({ text, count: 1 });
  }
  return result.map(({ text, count }) => (count === 1 ? text : `${text} (${count} times)`));
}
