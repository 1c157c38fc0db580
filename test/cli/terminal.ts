import { execa } from "execa";
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
  /** What a person types, and what must be on the screen before. */
  readonly typing?: readonly { readonly after: RegExp; readonly keys: string }[];
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
      timeout: 25_000,
    },
  );
  let seen = "";
  const typing = [...(options.typing ?? [])];
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString("utf8");
    while (typing[0]?.after.test(seen)) child.stdin.write(typing.shift()?.keys ?? "");
  });
  const { exitCode, stdout } = await child;
  return { exitCode: exitCode ?? -1, screen: stdout };
}

/** Words for `onTerminal`: a file of ours in TypeScript. */
export function script(path: string, ...args: string[]): string[] {
  return [process.execPath, "--import", "tsx", path, ...args];
}
