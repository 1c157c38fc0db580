import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process so named that it can be told from another one that has its number later, or elsewhere. */
export interface ProcessIdentity {
  readonly id: number;
  /** When it was started, in the kernel's ticks since boot; undefined where the system does not tell. */
  readonly start: string | undefined;
  /** Where its number means it: a boot of a machine, and on Linux a process namespace of it (containers have their own). */
  readonly space: string;
}

export function ownIdentity(): ProcessIdentity {
  return { id: process.pid, start: startOf(process.pid), space: ownSpace() };
}

/** Whether it is this very process. */
export function isOwn(identity: ProcessIdentity): boolean {
  const own = ownIdentity();
  return identity.space === own.space && identity.id === own.id && identity.start === own.start;
}

/** Whether it still runs; undefined for a process that cannot be seen from here. */
export function isRunning(identity: ProcessIdentity): boolean | undefined {
  if (identity.space !== ownSpace()) return undefined;
  if (!exists(identity.id)) return false;
  return identity.start === undefined || startOf(identity.id) === identity.start;
}

/** Machines made of one image share a name: a boot's own number tells them apart. */
function ownSpace(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function exists(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** proc(5), /proc/pid/stat: field 22, counted from the last parenthesis because a program's name may hold any character. */
function startOf(id: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
