import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { attempt, run } from "./command.ts";
import { type LabNames, sharedFolder } from "./names.ts";
import type { HostState } from "./state.ts";

/** Addresses of a lab on 10.`subnet`.0.0/16. Host engines are in namespaces, so their networks may be alike. */
export const addresses = {
  gateway: (subnet: number) => `10.${subnet}.0.1`,
  hosts: (subnet: number) => `10.${subnet}.0.0/24`,
  host: (subnet: number, index: number) => `10.${subnet}.0.${10 + index}`,
  hostBridge: (subnet: number, index: number) => `10.${subnet}.${index}.1/24`,
  hostPool: (subnet: number) => `10.${subnet}.64.0/18`,
  localBridge: (subnet: number) => `10.${subnet}.63.1/24`,
  localPool: (subnet: number) => `10.${subnet}.128.0/17`,
};

/** Host engines' default networks take 10.x.1 to 10.x.62. */
export const mostHosts = 62;

/** Takes a /16 that nothing on this machine uses, and that no other lab has claimed. */
export async function claimSubnet(names: LabNames): Promise<number> {
  await mkdir(sharedFolder, { recursive: true });
  const inUse = `${await run("ip", ["-4", "-o", "address"])}\n${await run("ip", ["-4", "route", "show", "table", "all"])}`;
  for (let subnet = 77; subnet < 250; subnet += 1) {
    if (new RegExp(`\\b10\\.${subnet}\\.\\d`).test(inUse)) continue;
    try {
      await writeFile(`${sharedFolder}/subnet-${subnet}`, names.name, { flag: "wx" });
      return subnet;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new Error("no free 10.x.0.0/16 for the lab's network");
}

/** Gives back what `claimSubnet` took. Resolves to the number of other labs' claims. */
export async function releaseSubnet(names: LabNames): Promise<number> {
  let others = 0;
  for (const file of await readdir(sharedFolder).catch(() => [])) {
    if (!file.startsWith("subnet-")) continue;
    const owner = await readFile(`${sharedFolder}/${file}`, "utf8").catch(() => "");
    if (owner === names.name) await rm(`${sharedFolder}/${file}`, { force: true });
    else others += 1;
  }
  return others;
}

/** The bridge that joins the hosts, and the one for the containers of the lab's local engine. */
export async function createBridges(names: LabNames, subnet: number, local: boolean): Promise<void> {
  await createBridge(names.bridge, `${addresses.gateway(subnet)}/24`);
  if (local) await createBridge(names.localBridge, addresses.localBridge(subnet));
}

async function createBridge(bridge: string, address: string): Promise<void> {
  // Of its own accord a bridge takes the address of one of its cables, and changes it as they come and go.
  const hardware = hardwareAddress(address.replace(/\/.*/, ""));
  await run("ip", ["link", "add", bridge, "address", hardware, "type", "bridge"]);
  await run("ip", ["address", "add", address, "dev", bridge]);
  await run("ip", ["link", "set", bridge, "up"]);
}

function hardwareAddress(ip: string): string {
  const parts = ip.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `02:00:${parts.join(":")}`;
}

/** The namespace and its cable to the bridge. */
export async function createHostNetwork(names: LabNames, subnet: number, host: HostState): Promise<void> {
  const inside = ["-n", host.namespace];
  await run("ip", ["netns", "add", host.namespace]);
  await run("ip", ["link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace]);
  // The same for a host that takes a former one's address: neighbours remember for a long time who had it.
  await run("ip", [...inside, "link", "set", "eth0", "address", hardwareAddress(host.ip)]);
  await run("ip", ["link", "set", host.link, "master", names.bridge, "up"]);
  await run("ip", [...inside, "address", "add", `${host.ip}/24`, "dev", "eth0"]);
  await run("ip", [...inside, "link", "set", "lo", "up"]);
  await run("ip", [...inside, "link", "set", "eth0", "up"]);
  // Answers to containers of the local engine. No default route: what is outside fails at once, not by a timeout.
  await run("ip", [...inside, "route", "add", `10.${subnet}.0.0/16`, "via", addresses.gateway(subnet)]);
}

export async function setCable(host: HostState, state: "up" | "down"): Promise<void> {
  await run("ip", ["link", "set", host.link, state]);
}

/** Namespaces, cables and bridges of the lab, also those that its local engine made. */
export async function removeNetwork(names: LabNames, subnet: number | undefined): Promise<void> {
  const namespaces = (await run("ip", ["netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  for (const namespace of namespaces) {
    if (namespace.startsWith(names.namespacePrefix)) await run("ip", ["netns", "delete", namespace]);
  }
  for (const line of (await run("ip", ["-o", "link"])).split("\n")) {
    const link = /^\d+: ([^:@]+)/.exec(line)?.[1];
    if (link?.startsWith(names.interfacePrefix)) await attempt("ip", ["link", "delete", link]);
  }
  if (subnet === undefined) return;
  for (const line of (await run("ip", ["-4", "-o", "address"])).split("\n")) {
    const [, link, ip] = /^\d+: (\S+)\s+inet (\S+)\//.exec(line) ?? [];
    if (link !== undefined && ip?.startsWith(`10.${subnet}.`)) await attempt("ip", ["link", "delete", link]);
  }
}

/** The subnet a lab claimed, read back after a crash that left no state file. */
export async function claimedSubnet(names: LabNames): Promise<number | undefined> {
  for (const file of await readdir(sharedFolder).catch(() => [])) {
    const subnet = /^subnet-(\d+)$/.exec(file)?.[1];
    if (subnet === undefined) continue;
    if ((await readFile(`${sharedFolder}/${file}`, "utf8").catch(() => "")) === names.name) return Number(subnet);
  }
  return undefined;
}
