import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { stringify } from "yaml";
import { createAuthority, createCertificate } from "./certificates.ts";
import { run } from "./command.ts";
import { isAlive, startDaemon } from "./processes.ts";
import type { LabState, RegistryState } from "./state.ts";

type SecureRegistry = LabState["registries"]["secure"];

/** Plain HTTP, for everybody. Its folder `storage` holds the base images already. */
export async function startOpenRegistry(folder: string, gateway: string): Promise<RegistryState> {
  return await startRegistry(folder, `${gateway}:5000`, {}, {});
}

/** TLS by an authority that no machine trusts, and a password. */
export async function startSecureRegistry(folder: string, gateway: string): Promise<SecureRegistry> {
  await createAuthority(folder);
  const files = { key: `${folder}/key.pem`, certificate: `${folder}/certificate.pem` };
  await createCertificate(folder, files, { name: "registry.lab", ips: [gateway, "127.0.0.1"], use: "serverAuth" });
  const username = "deployer";
  const password = randomBytes(12).toString("hex");
  await writeFile(`${folder}/passwords`, `${username}:${await bcrypt(password)}\n`, { mode: 0o600 });
  const state = await startRegistry(
    folder,
    `${gateway}:5443`,
    { tls: { certificate: files.certificate, key: files.key } },
    { auth: { htpasswd: { realm: "envctl lab", path: `${folder}/passwords` } } },
  );
  return { ...state, username, password, caFile: `${folder}/ca.pem` };
}

async function startRegistry(folder: string, host: string, http: object, more: object): Promise<RegistryState> {
  await mkdir(`${folder}/storage`, { recursive: true });
  const configuration = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: `${folder}/storage` }, delete: { enabled: true } },
    http: { addr: host, secret: randomBytes(16).toString("hex"), ...http },
    ...more,
  };
  await writeFile(`${folder}/config.yml`, stringify(configuration), { mode: 0o600 });
  const log = `${folder}/registry.log`;
  const record = startDaemon("docker-registry", ["serve", `${folder}/config.yml`], log);
  const [address = "", port = ""] = host.split(":");
  for (let tries = 0; !(await listens(address, Number(port))); tries += 1) {
    if (!isAlive(record) || tries > 500) {
      throw new Error(`the registry in ${folder} does not start:\n${await readFile(log, "utf8")}`);
    }
    await wait(20);
  }
  return { host, process: record };
}

/** The registry takes bcrypt alone; the C library's crypt(3) makes it, and perl is on every Debian. */
async function bcrypt(password: string): Promise<string> {
  const salt = randomBytes(16).toString("hex").slice(0, 22);
  const script = "$/ = undefined; my ($p, $s) = split /\\n/, <STDIN>; print crypt($p, $s)";
  return await run("perl", ["-e", script], { input: `${password}\n$2b$05$${salt}\n` });
}

/** Whether something accepts connections there. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const answer = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.on("connect", () => answer(true));
    socket.on("timeout", () => answer(false));
    socket.on("error", () => answer(false));
  });
}
