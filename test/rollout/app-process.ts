import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The app of `fixtures/app` as a process of this machine. */
export interface AppProcess {
  readonly port: number;
  readonly url: string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to its exit code, null after a signal. */
  readonly exit: Promise<number | null>;
}

/** Rejects with what it printed where it exits instead of listening. Ended and cleaned up by `stopApps`. */
export async function startApp(
  release: string,
  behaviour: Readonly<Record<string, string>> = {},
  port = 0,
): Promise<AppProcess> {
  const folder = mkdtempSync(join(tmpdir(), "envctl-app-"));
  cpSync(fileURLToPath(new URL("fixtures/app", import.meta.url)), folder, { recursive: true });
  writeFileSync(join(folder, "release.txt"), `${release}\n`);
  const child = spawn(process.execPath, [join(folder, "server.mjs")], {
    env: { ...process.env, ...behaviour, PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push({ child, folder });
  const exit = once(child, "exit").then(([code]) => code as number | null);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const listening = / listens on (\d+)$/.exec(line)?.[1];
    if (listening !== undefined) {
      const url = `http://127.0.0.1:${listening}`;
      return { port: Number(listening), url, kill: (signal) => void child.kill(signal), exit };
    }
    said.push(line);
  }
  throw new Error(`exit ${await exit}: ${said.join("\n")}`);
}

const started: { readonly child: ChildProcess; readonly folder: string }[] = [];

export async function stopApps(): Promise<void> {
  for (const { child, folder } of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  }
}
