import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { run } from "./command.ts";
import { findProgram } from "./install.ts";
import { isAlive, type ProcessRecord, startDaemon } from "./processes.ts";
import { listens } from "./registries.ts";
import type { HostState } from "./state.ts";

/** The key that the lab's hosts accept, and the folder's name below the lab's. */
export async function createClientKey(folder: string): Promise<void> {
  await mkdir(`${folder}/ssh`, { recursive: true, mode: 0o700 });
  await createKey(`${folder}/ssh/id_ed25519`, "envctl-lab");
}

async function createKey(file: string, comment: string): Promise<string> {
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
  const [kind, key] = (await readFile(`${file}.pub`, "utf8")).split(" ");
  return `${kind} ${key}`;
}

/** Starts a host's SSH server in its namespace. Resolves to its process, once it listens. */
export async function startSshServer(labFolder: string, host: HostState): Promise<ProcessRecord> {
  const folder = `${host.folder}/ssh`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  if (!existsSync(`${folder}/host_key`)) {
    await writeFile(`${folder}/known_key`, await createKey(`${folder}/host_key`, host.name));
    if (host.options.hostKey === "changed") {
      await writeFile(`${folder}/known_key`, await createKey(`${folder}/former_host_key`, host.name));
    }
  }
  const accepted = host.options.login === "refused" ? "" : await readFile(`${labFolder}/ssh/id_ed25519.pub`, "utf8");
  await writeFile(`${folder}/authorized_keys`, accepted);
  await writeFile(`${folder}/sshd_config`, await serverConfiguration(host, folder));
  const inside = [`--net=/var/run/netns/${host.namespace}`, "unshare", "--uts", "sh", "-c"];
  const script = 'echo "$1" >/proc/sys/kernel/hostname && shift && exec "$@"';
  const server = [findProgram("sshd") ?? "sshd", "-D", "-e", "-f", `${folder}/sshd_config`];
  const log = `${folder}/sshd.log`;
  const record = startDaemon("nsenter", [...inside, script, "sh", host.name, ...server], log);
  for (let tries = 0; !(await listens(host.ip, 22)); tries += 1) {
    if (!isAlive(record) || tries > 500) {
      throw new Error(`the SSH server of ${host.name} does not start:\n${await readFile(log, "utf8")}`);
    }
    await wait(20);
  }
  return record;
}

async function serverConfiguration(host: HostState, folder: string): Promise<string> {
  const lines = [
    "Port 22",
    `ListenAddress ${host.ip}`,
    `HostKey ${folder}/host_key`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    `PidFile ${folder}/sshd.pid`,
    // A second-level shell: else bash takes a login without terminal for the first one and runs this machine's ~/.bashrc,
    // which has nothing to do with the host.
    `SetEnv DOCKER_HOST=unix://${host.socket} SHLVL=1`,
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "StrictModes no",
    // Without PAM sshd itself refuses accounts whose password is locked with "!".
    `UsePAM ${(await rootIsLocked()) ? "yes" : "no"}`,
    "UseDNS no",
    "PrintMotd no",
    "MaxStartups 100:30:200",
    "MaxSessions 200",
    ...(host.options.clientAliveInterval ? [`ClientAliveInterval ${host.options.clientAliveInterval}`] : []),
    "Subsystem sftp internal-sftp",
    ...(await forcedCommand(host, folder)),
  ];
  return `${lines.join("\n")}\n`;
}

async function rootIsLocked(): Promise<boolean> {
  return /^root:!/m.test(await readFile("/etc/shadow", "utf8").catch(() => ""));
}

/** What a login runs instead of what was asked for, on hosts where that must fail. */
async function forcedCommand(host: HostState, folder: string): Promise<string[]> {
  const asked = '/bin/sh -c "$SSH_ORIGINAL_COMMAND"';
  if (host.options.docker === "forbidden") {
    return [`ForceCommand exec setpriv --reuid=65534 --regid=65534 --clear-groups ${asked}`];
  }
  if (host.options.docker === "absent") {
    const programs = `${folder}/bin`;
    await mkdir(programs, { recursive: true });
    for (const name of ["sh", "cat", "echo", "env", "id", "ls", "mkdir", "rm", "sleep", "uname", "hostname"]) {
      const program = findProgram(name);
      if (program) await symlink(program, `${programs}/${name}`).catch(() => {});
    }
    return [`ForceCommand exec env PATH=${programs} ${asked}`];
  }
  return [];
}

/** Writes known_hosts and the ssh_config by which envctl and people reach the hosts by name. */
export async function writeSshConfig(labFolder: string, hosts: readonly HostState[]): Promise<string> {
  const known: string[] = [];
  const config: string[] = [];
  for (const host of hosts) {
    if (host.options.hostKey !== "unknown") {
      known.push(`${host.name},${host.ip} ${await readFile(`${host.folder}/ssh/known_key`, "utf8")}`);
    }
    config.push(`Host ${host.name} ${host.ip}`, `  HostName ${host.ip}`, "");
  }
  const everywhere = [
    "Host *",
    "  User root",
    "  Port 22",
    `  IdentityFile ${labFolder}/ssh/id_ed25519`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${labFolder}/ssh/known_hosts`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "  PasswordAuthentication no",
  ];
  await writeFile(`${labFolder}/ssh/known_hosts`, `${known.join("\n")}\n`);
  const file = `${labFolder}/ssh_config`;
  await writeFile(file, `${[...config, ...everywhere].join("\n")}\n`);
  return file;
}
