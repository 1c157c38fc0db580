import { existsSync } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { attempt, run, type Tell, timed } from "./command.ts";
import { exclusively } from "./exclusive.ts";
import { cacheFolder } from "./names.ts";

/** A program that the lab runs, and the Debian package that brings it. */
const programs: readonly (readonly [string, string])[] = [
  ["dockerd", "docker.io"],
  ["docker", "docker.io"],
  ["docker-registry", "docker-registry"],
  ["sshd", "openssh-server"],
  ["ssh", "openssh-client"],
  ["debootstrap", "debootstrap"],
  ["wget", "wget"],
  ["ip", "iproute2"],
  ["iptables", "iptables"],
  ["nft", "nftables"],
  ["openssl", "openssl"],
  ["skopeo", "skopeo"],
  ["git", "git"],
  ["nsenter", "util-linux"],
];

const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Where a program is, or undefined. */
export function findProgram(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}

/** Why a lab cannot be raised on this machine, in a few words; undefined where it can. */
export function whyNoLab(): string | undefined {
  if (process.platform !== "linux") return `the lab needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "the lab needs root";
  const missing = missingPackages();
  if (missing.length > 0 && !findProgram("apt-get")) return `no apt-get to install ${missing.join(", ")}`;
  return undefined;
}

function missingPackages(wanted = programs): string[] {
  return [...new Set(wanted.filter(([program]) => !findProgram(program)).map(([, name]) => name))];
}

/** Installs what is missing, and lets no installed service start. */
export async function installPackages(tell: Tell): Promise<void> {
  await installMissing(programs, tell);
}

/** A program that few tests need, from the package of the same name. */
export async function installProgram(name: string, tell: Tell): Promise<void> {
  await installMissing([[name, name]], tell);
}

async function installMissing(wanted: typeof programs, tell: Tell): Promise<void> {
  if (missingPackages(wanted).length === 0) return;
  await exclusively(`${cacheFolder}/install.lock`, async () => {
    const missing = missingPackages(wanted);
    if (missing.length === 0) return;
    await timed(tell, `installing ${missing.join(", ")}`, () => withoutServices(() => install(missing)));
  });
}

async function install(packages: readonly string[]): Promise<void> {
  const args = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "install", ...packages];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", args, { env });
  } catch {
    // Lists that are missing, or older than what the mirror still has.
    await run("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=120", "update"], { env });
    await run("apt-get", args, { env });
  }
}

/** Debian's packages ask this file before they start a service (invoke-rc.d(8)). */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return await work(); // The owner of this machine has decided already.
  await writeFile(policy, "#!/bin/sh\nexit 101\n");
  await chmod(policy, 0o755);
  try {
    await work();
  } finally {
    await rm(policy, { force: true });
  }
}

/** The statically linked busybox: installed, or unpacked beside the cache without installing it. */
export async function staticBusybox(folder: string): Promise<string> {
  const installed = findProgram("busybox");
  if (installed && (await attempt("ldd", [installed])) === undefined) return installed;
  await mkdir(folder, { recursive: true });
  await run("apt-get", ["-q", "download", "busybox-static"], { cwd: folder }).catch(async () => {
    await run("apt-get", ["-q", "update"]);
    await run("apt-get", ["-q", "download", "busybox-static"], { cwd: folder });
  });
  await run("sh", ["-c", "dpkg-deb --extract busybox-static_*.deb ."], { cwd: folder });
  return `${folder}/bin/busybox`;
}
