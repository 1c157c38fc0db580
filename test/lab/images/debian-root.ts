import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { attempt, run } from "../command.ts";
import { cacheFolder } from "../names.ts";

const suite = "bookworm";

/** The unpacked minimal Debian that all other images stand on. */
export const debianRoot = `${cacheFolder}/${suite}`;

/** Makes `debianRoot` with debootstrap, slimmed as the official `-slim` images are. Does nothing where it is there. */
export async function ensureDebianRoot(): Promise<void> {
  if (existsSync(debianRoot)) return;
  const partial = `${debianRoot}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(cacheFolder, { recursive: true });
  await run("debootstrap", ["--variant=minbase", suite, partial, await mirror()], { env: await proxies() });
  for (const folder of ["doc", "info", "locale", "man"]) {
    await rm(`${partial}/usr/share/${folder}`, { recursive: true, force: true });
  }
  // Some packages' scripts put links here and fail where it is missing.
  for (const section of [1, 5, 7, 8]) await mkdir(`${partial}/usr/share/man/man${section}`, { recursive: true });
  for (const folder of ["var/cache/apt", "var/lib/apt/lists", "var/log", "tmp"]) {
    for (const entry of await readdir(`${partial}/${folder}`)) {
      await rm(`${partial}/${folder}/${entry}`, { recursive: true, force: true });
    }
  }
  // debootstrap copies these two from the machine it runs on.
  await writeFile(`${partial}/etc/hostname`, "debian\n");
  await writeFile(`${partial}/etc/resolv.conf`, "");
  await writeFile(`${partial}/usr/sbin/policy-rc.d`, "#!/bin/sh\nexit 101\n");
  await chmod(`${partial}/usr/sbin/policy-rc.d`, 0o755);
  await rename(partial, debianRoot);
}

// A mount namespace of its own: whatever happens to this script, no mount stays behind.
const installation = `
set -eu
root=$1 upper=$2 work=$3 base=$4; shift 4
mount -t overlay overlay -o "lowerdir=$base,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
inside() { chroot "$root" "$@"; }
options="-q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0"
inside apt-get $options update
inside apt-get $options install -y --no-install-recommends "$@"
inside apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/var/cache/debconf/*-old
: >"$root/etc/resolv.conf"
`;

/**
 * Installs packages on top of `debianRoot`. `prepare` sees the changed files' folder before. Resolves to that folder,
 * which then holds what the packages brought, and nothing of the base.
 */
export async function installOnDebian(
  folder: string,
  packages: readonly string[],
  prepare: (upper: string) => Promise<void>,
): Promise<string> {
  await ensureDebianRoot();
  const [root, upper, work] = [`${folder}/root`, `${folder}/upper`, `${folder}/work`];
  for (const path of [root, upper, work]) await mkdir(path, { recursive: true });
  await prepare(upper);
  const unshare = ["--mount", "--propagation", "private", "sh", "-c", installation, "sh"];
  await run("unshare", [...unshare, root, upper, work, debianRoot, ...packages], {
    env: { ...(await proxies()), DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
  });
  // Deleted files of the base: as a layer they would need white-out files, and nothing depends on them.
  await run("find", [upper, "-type", "c", "-delete"]);
  return upper;
}

/** The first plain HTTP mirror of this suite among apt's sources. Others need certificates that a minbase lacks. */
async function mirror(): Promise<string> {
  const files = ["/etc/apt/sources.list"];
  for (const name of await readdir("/etc/apt/sources.list.d").catch(() => [])) {
    files.push(`/etc/apt/sources.list.d/${name}`);
  }
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => "");
    const stanzas = file.endsWith(".sources") ? text.split(/\n\s*\n/) : text.split("\n");
    for (const stanza of stanzas) {
      const url = /^(?:URIs:|deb\b).*?(http:\/\/\S+)/m.exec(stanza)?.[1];
      if (url && new RegExp(`\\s${suite}(?:\\s|$)`).test(stanza) && !url.includes("security")) return url;
    }
  }
  return "http://deb.debian.org/debian";
}

/** apt's own proxies, as the environment in which other programs look for them. */
async function proxies(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const scheme of ["http", "https"]) {
    const key = `Acquire::${scheme}::Proxy`;
    const proxy = /^value='(.+)'$/m.exec((await attempt("apt-config", ["shell", "value", key])) ?? "")?.[1];
    if (proxy !== undefined && proxy !== "DIRECT") found[`${scheme}_proxy`] = proxy;
  }
  return found;
}
