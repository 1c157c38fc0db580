import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { attempt, run } from "./command.ts";
import { type LabNames, sharedFolder } from "./names.ts";
import { addresses } from "./network.ts";

const forwarding = "/proc/sys/net/ipv4/ip_forward";
const namespaceFolder = "/run/netns";
const before = `${sharedFolder}/before.json`;
const podmanChain = /^:(NETAVARK[\w-]*) /gm;

interface Before {
  readonly forwarding: string;
  readonly tables: readonly string[];
  /** Chains of Podman's: it leaves them behind, empty, when its last container is gone. */
  readonly chains: readonly string[];
  /** Whether ip-netns(8) had been used here: from its first use on, its folder is a mount of its own. */
  readonly namespaces: boolean;
}

/** Writes down how the machine's network was before the first lab, so that the last one can put it back. */
export async function rememberNetwork(): Promise<void> {
  await mkdir(sharedFolder, { recursive: true });
  const saved = await run("iptables-save", []);
  const names = (pattern: RegExp) => [...saved.matchAll(pattern)].map((match) => match[1] ?? "");
  const namespaces = await isMounted(namespaceFolder);
  const state: Before = {
    forwarding: (await readFile(forwarding, "utf8")).trim(),
    tables: names(/^\*(\w+)$/gm),
    chains: names(podmanChain),
    namespaces,
  };
  await writeFile(before, JSON.stringify(state), { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/**
 * Lets hosts talk to each other on machines where another engine set the FORWARD policy to DROP, and containers of
 * the lab's own local engine reach out. That engine itself is started without leave to write rules: each rule here
 * carries the lab's comment, and so each one is found and taken out again.
 */
export async function addRules(names: LabNames, subnet: number): Promise<void> {
  await writeFile(forwarding, "1");
  const comment = ["-m", "comment", "--comment", names.comment];
  const lab = `10.${subnet}.0.0/16`;
  const rule = (...args: string[]) => run("iptables", ["-w", "10", ...args, ...comment]);
  await rule("-I", "FORWARD", "-i", names.bridge, "-o", names.bridge, "-j", "ACCEPT");
  await rule("-I", "FORWARD", "-s", lab, "-j", "ACCEPT");
  await rule("-I", "FORWARD", "-d", lab, "-j", "ACCEPT");
  for (const source of [addresses.localBridge(subnet), addresses.localPool(subnet)]) {
    await rule("-t", "nat", "-A", "POSTROUTING", "-s", source, "!", "-d", lab, "-j", "MASQUERADE");
  }
}

/** Takes out the lab's rules, and with the last lab puts back the rest. */
export async function restoreNetwork(names: LabNames, otherLabs: number): Promise<void> {
  let table = "";
  for (const line of (await run("iptables-save", [])).split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    if (!line.startsWith("-A ")) continue;
    const words = line.split(" ").map((word) => word.replace(/^"(.*)"$/, "$1"));
    if (!words.includes(names.comment)) continue;
    await run("iptables", ["-w", "10", "-t", table, "-D", ...words.slice(1)]);
  }
  if (otherLabs > 0) return;
  const text = await readFile(before, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const state = JSON.parse(text) as Before;
  await writeFile(forwarding, state.forwarding);
  await removePodmanChains(state.chains);
  await removeEmptyTables(state.tables);
  if (!state.namespaces) await unmountNamespaces();
  await rm(sharedFolder, { recursive: true, force: true });
}

/** The rules that lead to them, what is in them, and then themselves. */
async function removePodmanChains(existing: readonly string[]): Promise<void> {
  const saved = await run("iptables-save", []);
  for (const match of saved.matchAll(/^\*(\w+)\n([\s\S]*?)^COMMIT$/gm)) {
    const [, table = "", content = ""] = match;
    const found = [...content.matchAll(podmanChain)].map(([, name = ""]) => name);
    const chains = found.filter((name) => !existing.includes(name));
    const change = (...args: string[]) => run("iptables", ["-w", "10", "-t", table, ...args]);
    for (const rule of content.split("\n").filter((line) => line.startsWith("-A "))) {
      const words = [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      if (chains.includes(words.at(-1) ?? "") && !chains.includes(words[1] ?? ""))
        await change("-D", ...words.slice(1));
    }
    for (const chain of chains) await change("-F", chain);
    for (const chain of chains) await change("-X", chain);
  }
}

/** With the nf_tables back end a table exists from its first rule on; one that we made and nobody filled goes again. */
async function removeEmptyTables(existing: readonly string[]): Promise<void> {
  const saved = await run("iptables-save", []);
  for (const match of saved.matchAll(/^\*(\w+)\n([\s\S]*?)^COMMIT$/gm)) {
    const [, table = "", content = ""] = match;
    const isPristine = content.split("\n").every((line) => line === "" || /^:\w+ ACCEPT /.test(line));
    if (isPristine && !existing.includes(table)) await attempt("nft", ["delete", "table", "ip", table]);
  }
}

async function isMounted(folder: string): Promise<boolean> {
  return (await readFile("/proc/self/mountinfo", "utf8")).split("\n").some((line) => line.split(" ")[4] === folder);
}

/** Only while it is empty: meanwhile somebody else may have made namespaces too. */
async function unmountNamespaces(): Promise<void> {
  const entries = await readdir(namespaceFolder).catch(() => undefined);
  if (entries?.length !== 0 || !(await isMounted(namespaceFolder))) return;
  await run("umount", [namespaceFolder]);
  await rmdir(namespaceFolder);
}
