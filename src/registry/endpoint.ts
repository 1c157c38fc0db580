import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where a registry is spoken to. */
export interface Endpoint {
  /** `https://registry.example.com:5000` */
  readonly origin: string;
  readonly tls: { readonly ca?: readonly Buffer[]; readonly cert?: Buffer; readonly key?: Buffer };
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Plain HTTP for loopback addresses and for hosts that `ENVCTL_INSECURE_REGISTRIES` names (with commas between), HTTPS for
 * all others; authorities and client certificates from Docker's own folders (`certs.d/<host>`) and `ENVCTL_REGISTRY_CA`.
 */
export function endpointOf(host: string, variables: Variables): Endpoint {
  const name = host === "docker.io" ? "registry-1.docker.io" : host;
  const insecure = (variables.ENVCTL_INSECURE_REGISTRIES ?? "").split(",").map((entry) => entry.trim());
  if (isLoopback(host) || insecure.includes(host)) return { origin: `http://${name}`, tls: {} };
  return { origin: `https://${name}`, tls: readCertificates(host, variables) };
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

function readCertificates(host: string, variables: Variables): Endpoint["tls"] {
  const folders = ["/etc/docker/certs.d", join(variables.HOME || homedir(), ".docker", "certs.d")];
  const ca: Buffer[] = variables.ENVCTL_REGISTRY_CA ? [readFileSync(variables.ENVCTL_REGISTRY_CA)] : [];
  let client: { cert: Buffer; key: Buffer } | undefined;
  for (const folder of folders) {
    const path = join(folder, host);
    const files = listFolder(path);
    for (const file of files.filter((name) => name.endsWith(".crt"))) ca.push(readFileSync(join(path, file)));
    const cert = files.find((name) => name.endsWith(".cert"));
    const key = cert?.replace(/\.cert$/, ".key");
    if (cert && key && files.includes(key))
      client = { cert: readFileSync(join(path, cert)), key: readFileSync(join(path, key)) };
  }
  return { ...(ca.length > 0 ? { ca } : {}), ...client };
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // There is no folder for most registries.
    return [];
  }
}
