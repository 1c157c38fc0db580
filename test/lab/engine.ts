import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { run } from "./command.ts";
import { findProgram } from "./install.ts";
import { type LabNames, labNames } from "./names.ts";
import { addresses } from "./network.ts";
import { isAlive, kill, type ProcessRecord, recordOf, startDaemon } from "./processes.ts";
import type { HostState } from "./state.ts";

/** What engines need to know of the lab that they are part of. */
export interface EngineSurroundings {
  readonly names: LabNames;
  readonly subnet: number;
  /** Address of the lab's open registry, asked before Docker Hub. */
  readonly mirror: string;
}

let version: Promise<string> | undefined;

/** Arguments that every engine of a lab has in common. */
async function commonArguments(around: EngineSurroundings, name: string, folder: string): Promise<string[]> {
  version ??= run("dockerd", ["--version"]);
  const major = Number(/version (\d+)/.exec(await version)?.[1] ?? 0);
  await mkdir(folder, { recursive: true });
  // The machine's own /etc/docker/daemon.json is none of the lab's business, and would clash with the arguments.
  // Engines before 23 take their identity from a key in /etc/docker, and would all be one and the same.
  const settings = major < 23 ? { "deprecated-key-path": `${folder}/key.json` } : {};
  await writeFile(`${folder}/daemon.json`, JSON.stringify(settings));
  // Left by an engine that was killed, these may name other processes, or ones whose end nobody has taken note of.
  for (const file of ["docker.pid", "run/containerd/containerd.pid"]) await rm(`${folder}/${file}`, { force: true });
  return [
    `--config-file=${folder}/daemon.json`,
    `--data-root=${folder}/data`,
    `--exec-root=${folder}/run`,
    `--pidfile=${folder}/docker.pid`,
    `--host=unix://${folder}/docker.sock`,
    "--group=root",
    `--cgroup-parent=${around.names.controlGroup}/${name}`,
    "--exec-opt=native.cgroupdriver=cgroupfs",
    `--containerd-namespace=${around.names.name}-${name}`,
    `--containerd-plugins-namespace=${around.names.name}-${name}-plugins`,
    `--insecure-registry=${addresses.hosts(around.subnet)}`,
    // BuildKit looks a mirror up by its name, not in the network that it lies in, and wants the scheme with it.
    `--insecure-registry=http://${around.mirror}`,
    `--registry-mirror=http://${around.mirror}`,
    "--shutdown-timeout=3",
  ];
}

/** Starts a host's engine in the host's namespace, under the host's name. Resolves once it answers. */
export async function startHostEngine(around: EngineSurroundings, host: HostState): Promise<ProcessRecord> {
  const { options } = host;
  const tls = `${host.folder}/tls`;
  const args = [
    ...(await commonArguments(around, host.name, host.folder)),
    `--bip=${addresses.hostBridge(around.subnet, host.index)}`,
    `--default-address-pool=base=${addresses.hostPool(around.subnet)},size=24`,
    ...(options.liveRestore ? ["--live-restore"] : []),
    ...(options.tls
      ? [`--host=tcp://${host.ip}:2376`, "--tlsverify", `--tlscacert=${tls}/ca.pem`].concat(
          `--tlscert=${tls}/server-cert.pem`,
          `--tlskey=${tls}/server-key.pem`,
        )
      : []),
  ];
  // `ip netns exec` mounts /sys anew, and the engine then misses its control groups: nsenter does not.
  const inside = [`--net=/var/run/netns/${host.namespace}`, "unshare", "--uts", "sh", "-c"];
  const script = 'echo "$1" >/proc/sys/kernel/hostname && shift && exec "$@"';
  const command = [...inside, script, "sh", host.name, program(), ...args];
  return await started("nsenter", command, host.folder);
}

/** Starts the engine that plays this machine's own, where it has none. */
export async function startLocalEngine(around: EngineSurroundings, folder: string): Promise<ProcessRecord> {
  const args = [
    ...(await commonArguments(around, "local", folder)),
    `--bridge=${around.names.localBridge}`,
    `--default-address-pool=base=${addresses.localPool(around.subnet)},size=24`,
    // The lab writes the few rules needed itself (network-rules.ts): what an engine writes, nobody takes out.
    "--iptables=false",
    "--ip6tables=false",
  ];
  return await started(program(), args, folder);
}

function program(): string {
  const found = findProgram("dockerd");
  if (!found) throw new Error("dockerd is not installed");
  return found;
}

async function started(command: string, args: readonly string[], folder: string): Promise<ProcessRecord> {
  const log = `${folder}/engine.log`;
  await rm(`${folder}/docker.sock`, { force: true });
  const record = startDaemon(command, args, log);
  for (let tries = 0; !(await engineAnswers(`${folder}/docker.sock`)); tries += 1) {
    if (!isAlive(record) || tries > 1500) {
      const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
      throw new Error(`the engine in ${folder} does not start:\n${lines.slice(-15).join("\n")}`);
    }
    await wait(20);
  }
  return record;
}

/** A crash: the engine gets no chance to stop its containers. */
export async function crashEngine(host: HostState): Promise<void> {
  if (host.engine) await kill(host.engine, "SIGKILL");
  // Its containerd follows by itself (PR_SET_PDEATHSIG), but a little later than we may want to start a new one.
  const pid = Number(await readFile(`${host.folder}/run/containerd/containerd.pid`, "utf8").catch(() => "0"));
  const containerd = pid > 0 ? recordOf(pid) : undefined;
  if (containerd) await kill(containerd, "SIGKILL");
}

/** Whether a Docker engine answers on this unix socket (Engine API: GET /_ping). */
export function engineAnswers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: socket, path: "/_ping", timeout: 2000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

/** The socket of an engine that is already there: of DOCKER_HOST if it is a unix socket, or the usual place. */
export async function existingEngine(names: LabNames): Promise<string | undefined> {
  const named = /^unix:\/\/(.+)$/.exec(process.env.DOCKER_HOST ?? "")?.[1];
  for (const socket of [named, "/var/run/docker.sock"]) {
    // DOCKER_HOST may still name an engine of a lab: that one goes away with its lab.
    if (socket === undefined || socket.startsWith(labNames("x").folder.slice(0, -1))) continue;
    if (socket.startsWith(`${names.folder}/`) || !existsSync(socket)) continue;
    if (await engineAnswers(socket)) return socket;
  }
  return undefined;
}
