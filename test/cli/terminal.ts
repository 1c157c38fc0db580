import { readFileSync, readlinkSync } from "node:fs";
import { execa, execaSync } from "execa";
import { root } from "./command.ts";

interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface TerminalOptions {
  readonly size?: Size;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Shell text behind the command: `>result.txt`. */
  readonly redirect?: string;
  /** What a person types, or the size to which they draw the window, and what must be on the screen before. */
  readonly typing?: readonly ({ readonly after: RegExp } & ({ readonly keys: string } | { readonly size: Size }))[];
}

/** Runs a program on a pseudo-terminal; resolves with every byte that reached the screen. */
export async function onTerminal(words: readonly string[], options: TerminalOptions = {}) {
  const { columns, rows } = options.size ?? { columns: 80, rows: 24 };
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = execa(
    "script",
    ["-qefc", `stty cols ${columns} rows ${rows}; exec ${command} ${options.redirect ?? ""}`, "/dev/null"],
    {
      cwd: options.cwd ?? root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: "xterm", ...options.env },
      extendEnv: false,
      reject: false,
      // An end of input would be typed as Ctrl-D.
      stdin: "pipe",
      timeout: 80_000,
    },
  );
  let seen = "";
  const typing = [...(options.typing ?? [])];
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString("utf8");
    while (typing[0]?.after.test(seen)) {
      const next = typing.shift();
      if (next && "keys" in next) child.stdin.write(next.keys);
      else if (next && child.pid !== undefined) resize(child.pid, next.size);
    }
  });
  const { exitCode, stdout } = await child;
  return { exitCode: exitCode ?? -1, screen: stdout };
}

/** The kernel tells the programs on the terminal (SIGWINCH), as it does when a window is drawn to another size. */
function resize(scriptProcess: number, { columns, rows }: Size): void {
  const [program] = readFileSync(`/proc/${scriptProcess}/task/${scriptProcess}/children`, "utf8").split(" ");
  const terminal = readlinkSync(`/proc/${program}/fd/0`);
  execaSync("stty", ["-F", terminal, "cols", String(columns), "rows", String(rows)]);
}

/** Words for `onTerminal`: a file of ours in TypeScript. */
export function script(path: string, ...args: string[]): string[] {
  return [process.execPath, "--import", "tsx", path, ...args];
}
