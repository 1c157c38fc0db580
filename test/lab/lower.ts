import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { attempt } from "./command.ts";
import type { LabNames } from "./names.ts";
import { claimedSubnet, releaseSubnet, removeNetwork } from "./network.ts";
import { restoreNetwork } from "./network-rules.ts";
import { processesOf } from "./processes.ts";
import type { HostState } from "./state.ts";

/**
 * Takes away all that a lab made. Goes by what is there, not by what was written down: so it also clears up after a
 * run that was killed at any point. Does nothing where there is no such lab.
 */
export async function lowerLab(names: LabNames): Promise<void> {
  const subnet = await claimedSubnet(names);
  if (subnet === undefined && !existsSync(names.folder)) return;
  await endProcesses(names.folder, names.controlGroup);
  await unmountBelow(names.folder);
  await removeNetwork(names, subnet);
  const others = await releaseSubnet(names);
  await restoreNetwork(names, others);
  await removeControlGroups(names.controlGroup);
  await rm(names.folder, { recursive: true, force: true });
}

/** Takes away one host of a lab that stays up. */
export async function removeHost(names: LabNames, host: HostState): Promise<void> {
  const controlGroup = `${names.controlGroup}/${host.name}`;
  await endProcesses(host.folder, controlGroup);
  await unmountBelow(host.folder);
  await attempt("ip", ["netns", "delete", host.namespace]);
  await attempt("ip", ["link", "delete", host.link]);
  await removeControlGroups(controlGroup);
  await rm(host.folder, { recursive: true, force: true });
}

/** SIGKILL to engines and containers alike: nothing in a lab is worth a graceful end, and it takes milliseconds. */
async function endProcesses(folder: string, controlGroup: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const processes = processesOf(folder, controlGroup);
    if (processes.length === 0) return;
    if (tries > 500) throw new Error(`processes that do not end: ${processes.map(({ pid }) => pid).join(", ")}`);
    for (const { pid } of processes) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Ended meanwhile.
      }
    }
    await wait(20);
  }
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
  for (const path of mounts) {
    if ((await attempt("umount", [path])) === undefined) await attempt("umount", ["--lazy", path]);
  }
}

/** Engines leave their containers' control groups behind, in one hierarchy (version 2) or in several (version 1). */
async function removeControlGroups(controlGroup: string): Promise<void> {
  const root = "/sys/fs/cgroup";
  const hierarchies = [root, ...readdirSync(root).map((name) => `${root}/${name}`)];
  for (const hierarchy of hierarchies) {
    const folder = `${hierarchy}${controlGroup}`;
    // A killed process leaves its group a moment after it has left the list of processes.
    for (let tries = 0; existsSync(folder) && tries < 100; tries += 1) {
      if (tries > 0) await wait(20);
      removeTree(folder);
    }
  }
}

function removeTree(folder: string): void {
  try {
    for (const entry of readdirSync(folder)) {
      if (statSync(`${folder}/${entry}`).isDirectory()) removeTree(`${folder}/${entry}`);
    }
    rmdirSync(folder);
  } catch {
    // Still busy: the caller tries again.
  }
}
