import { mkdir } from "node:fs/promises";
import { createAuthority, createCertificate } from "./certificates.ts";
import { run, together } from "./command.ts";
import { type EngineSurroundings, startHostEngine } from "./engine.ts";
import type { HostOptions } from "./host-options.ts";
import type { LabNames } from "./names.ts";
import { addresses, createHostNetwork, mostHosts } from "./network.ts";
import { startSshServer } from "./secure-shell.ts";
import type { HostState } from "./state.ts";

/** A host as it will be, with nothing of it made yet. */
export function describeHost(
  names: LabNames,
  subnet: number,
  index: number,
  name: string,
  options: HostOptions,
): HostState {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name) || name === "local") throw new Error(`"${name}" is no name for a host`);
  if (index > mostHosts) throw new Error(`a lab has at most ${mostHosts} hosts`);
  const folder = `${names.folder}/hosts/${name}`;
  return {
    name,
    index,
    ip: addresses.host(subnet, index),
    namespace: `${names.namespacePrefix}${name}`,
    link: `${names.interfacePrefix}${index}`,
    folder,
    socket: `${folder}/docker.sock`,
    options,
    engine: undefined,
    sshd: undefined,
  };
}

/** Makes the host: its network, then its engine and its SSH server side by side. */
export async function raiseHost(around: EngineSurroundings, host: HostState): Promise<HostState> {
  await mkdir(`${host.folder}/data`, { recursive: true });
  await createHostNetwork(around.names, around.subnet, host);
  if (host.options.tls) await createTls(host);
  if (host.options.disk !== undefined) {
    const size = `size=${host.options.disk},mode=0711`;
    await run("mount", ["-t", "tmpfs", "-o", size, "envctl-lab", `${host.folder}/data`]);
  }
  const [engine, sshd] = await together([
    host.options.docker === "stopped" ? undefined : startHostEngine(around, host),
    startSshServer(around.names.folder, host),
  ]);
  return { ...host, engine, sshd };
}

/** Files as DOCKER_CERT_PATH has them: `ca.pem`, `cert.pem`, `key.pem`, and the server's own beside. */
async function createTls(host: HostState): Promise<void> {
  const folder = `${host.folder}/tls`;
  await createAuthority(folder);
  const server = { key: `${folder}/server-key.pem`, certificate: `${folder}/server-cert.pem` };
  await createCertificate(folder, server, { name: host.name, ips: [host.ip], use: "serverAuth" });
  const client = { key: `${folder}/key.pem`, certificate: `${folder}/cert.pem` };
  await createCertificate(folder, client, { name: "envctl", use: "clientAuth" });
}
