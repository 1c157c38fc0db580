import { execa } from "execa";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a program without a shell and resolves to its standard output. Rejects with the program's own words. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { stdout } = await execa(command, args, options);
  return stdout;
}

/** As `run`, for what may already be so: undefined instead of a rejection. */
export async function attempt(command: string, args: readonly string[]): Promise<string | undefined> {
  const { stdout, failed } = await execa(command, args, { reject: false });
  return failed ? undefined : stdout;
}

/** Where a person is told what the lab is doing. */
export type Tell = (line: string) => void;

export const tellOnStderr: Tell = (line) => {
  process.stderr.write(`lab: ${line}\n`);
};

/** Runs `work` and tells how long it took, before it starts as well, so that no wait goes unexplained. */
export async function timed<Result>(tell: Tell, title: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  tell(`${title} …`);
  const result = await work();
  tell(`${title}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** As `Promise.all`, but after a failure waits for the others' end: what they make can then be cleared away. */
export async function together<Results extends readonly unknown[]>(
  work: {
    readonly [Index in keyof Results]: Promise<Results[Index]> | Results[Index];
  },
): Promise<Results> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as unknown as Results;
}
