import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { LabHost } from "../lab/lab.ts";

export interface SshTunnel {
  /** A socket here that leads to the host's engine. */
  readonly socket: string;
  close(): Promise<void>;
}

/** The least that it takes to speak to an engine over SSH: one login, and its socket forwarded. */
export async function openTunnel(configFile: string, host: LabHost): Promise<SshTunnel> {
  const folder = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  const socket = join(folder, "docker.sock");
  const forward = ["-o", "ExitOnForwardFailure=yes", "-L", `${socket}:${host.socket}`];
  const ssh = spawn("ssh", ["-F", configFile, "-N", ...forward, host.name], { stdio: "ignore" });
  const ended = once(ssh, "exit");
  while (!existsSync(socket)) {
    if (ssh.exitCode !== null) throw new Error(`ssh ended with ${ssh.exitCode}`);
    await wait(2);
  }
  return {
    socket,
    close: async () => {
      ssh.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
