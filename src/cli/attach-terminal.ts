import type { StageContainer } from "../rollout/logs.ts";

interface Attachment {
  readonly command: readonly string[];
  readonly user: string | undefined;
  readonly signal: AbortSignal;
  /** Keeps stdout for the document: the command's output goes to stderr. */
  readonly json: boolean;
}

/** Connects this terminal (or these pipes) to a command in a container; resolves with the command's exit code. */
export async function attachTerminal({ engine, container }: StageContainer, attachment: Attachment): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const terminal = stdin.isTTY && stdout.isTTY && !attachment.json;
  let onResize: (() => void) | undefined;
  if (terminal) stdin.setRawMode(true);
  try {
    return await engine.exec(container.id, {
      command: attachment.command,
      env: terminal && process.env.TERM ? { TERM: process.env.TERM } : {},
      user: attachment.user,
      terminal: terminal ? { columns: stdout.columns, rows: stdout.rows } : undefined,
      stdin,
      stdout: attachment.json ? stderr : stdout,
      stderr,
      onResize: (resize) => {
        onResize = () => resize(stdout.columns, stdout.rows);
        stdout.on("resize", onResize);
      },
      signal: attachment.signal,
    });
  } finally {
    if (terminal) stdin.setRawMode(false);
    if (onResize) stdout.off("resize", onResize);
    // A stdin that is still open would keep the process alive.
    stdin.pause();
    stdin.unref?.();
  }
}
