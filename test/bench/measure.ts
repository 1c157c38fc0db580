import { execa } from "execa";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Median time of `work` in milliseconds, after one run that does not count. */
export async function time(runs: number, work: () => Promise<unknown>): Promise<number> {
  const [result = Number.NaN] = await timeTogether(runs, [work]);
  return result;
}

/** Medians of several works that take turns, so that a busy moment meets them all. */
export async function timeTogether(runs: number, works: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const times = works.map((): number[] => []);
  for (let run = 0; run <= runs; run += 1) {
    for (const [index, work] of works.entries()) {
      const begun = performance.now();
      await work();
      if (run > 0) times[index]?.push(performance.now() - begun);
    }
  }
  return times.map(median);
}

export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string | undefined> } = {},
): Promise<void> {
  await execa(command, args, { ...options, stdout: "ignore", stderr: "pipe" });
}

export function heading(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

/** One line: a figure, what it is compared with, the ratio, and the goal where there is one. */
export function report(
  what: string,
  value: number,
  floor: { readonly name: string; readonly value: number },
  goal?: number,
): void {
  const ratio = value / floor.value;
  const verdict = goal === undefined ? "" : ratio <= goal ? `  (goal ${goal} ×: met)` : `  (goal ${goal} ×: MISSED)`;
  process.stdout.write(
    `  ${what.padEnd(52)} ${value.toFixed(1).padStart(8)} ms   ${ratio.toFixed(2)} × ${floor.name} (${floor.value.toFixed(1)} ms)${verdict}\n`,
  );
}

/** The same for a goal in milliseconds: what a person waits for, or what is left beside the floor. */
export function reportWithin(
  what: string,
  value: number,
  floor: { readonly name: string; readonly value: number },
  goal: { readonly of: number; readonly limit: number },
): void {
  const verdict = goal.of <= goal.limit ? "met" : `MISSED by ${(goal.of - goal.limit).toFixed(1)} ms`;
  process.stdout.write(
    `  ${what.padEnd(52)} ${value.toFixed(1).padStart(8)} ms   ${(value / floor.value).toFixed(2)} × ${floor.name} (${floor.value.toFixed(1)} ms)  (goal ${goal.limit} ms: ${verdict})\n`,
  );
}
