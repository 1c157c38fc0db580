import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** A process that is still the same one: ids are used again, an id with its start time is not. */
export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since the machine's start (proc(5), /proc/pid/stat field 22). */
  readonly started: string;
  /** The process namespace in which the id counts. */
  readonly namespace: string;
}

/** Undefined where no such process runs, a zombie included. */
export function recordOf(pid: number): ProcessRecord | undefined {
  const text = readQuietly(`/proc/${pid}/stat`);
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  if (!fields || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, started: fields[19] ?? "", namespace };
}

const namespace = process.platform === "linux" ? readlinkSync("/proc/self/ns/pid") : "";

export function isAlive(record: ProcessRecord | undefined): boolean {
  return record !== undefined && recordOf(record.pid)?.started === record.started;
}

/** As `isAlive`, and true of a process that cannot be seen from here. */
export function mayBeAlive(record: ProcessRecord): boolean {
  return record.namespace !== namespace || isAlive(record);
}

/** Starts a program that outlives this one, its output in `log`. */
export function startDaemon(command: string, args: readonly string[], log: string, env = {}): ProcessRecord {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, "a");
  try {
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", output, output],
      // A clean environment: proxies and certificates of the person's shell are not the host's.
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/root",
        LANG: "C.UTF-8",
        ...env,
      },
    });
    child.on("error", () => {
      // A program that could not be started has no id, and the next line says so.
    });
    child.unref();
    const record = child.pid === undefined ? undefined : recordOf(child.pid);
    if (record === undefined) throw new Error(`could not start ${command} ${args.join(" ")}: see ${log}`);
    return record;
  } finally {
    closeSync(output);
  }
}

/** Kills and waits until it is gone. */
export async function kill(record: ProcessRecord, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (!isAlive(record)) return;
  process.kill(record.pid, signal);
  for (let tries = 0; isAlive(record); tries += 1) {
    if (tries > 1000) throw new Error(`process ${record.pid} does not end after ${signal}`);
    await wait(10);
  }
}

const daemons = /^(?:dockerd|containerd|containerd-shim.*|docker-proxy|docker-registry|registry|sshd|runc|ssh-agent)$/;

/**
 * Every process of a lab, whoever started it and whether or not it was written down: daemons that name the lab's
 * folder in their arguments, and all that runs in its control group.
 */
export function processesOf(folder: string, controlGroup: string): ProcessRecord[] {
  const found: ProcessRecord[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const isContainer = readQuietly(`/proc/${pid}/cgroup`)?.includes(`:${controlGroup}/`) ?? false;
    if (!isContainer && !isDaemonOf(pid, folder)) continue;
    const record = recordOf(pid);
    if (record) found.push(record);
  }
  return found;
}

function isDaemonOf(pid: number, folder: string): boolean {
  if (!readQuietly(`/proc/${pid}/cmdline`)?.includes(`${folder}/`)) return false;
  try {
    // A program replaced on disk while it runs is shown as "… (deleted)".
    return daemons.test(basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "")));
  } catch {
    return false; // Ended meanwhile.
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // Ended meanwhile.
  }
}
