import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { homeFolder } from "../base/user.ts";

/** Where a registry is spoken to. */
export interface Endpoint {
  /** `https://registry.example.com:5000`, as a URL's `origin` has it. */
  readonly origin: string;
  /** Authorities to trust; undefined for those that Node trusts anyway. */
  readonly authorities: readonly (string | Buffer)[] | undefined;
  /** Shown to the registry alone, never to where it redirects. */
  readonly client: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Plain HTTP for hosts that `ENVCTL_INSECURE_REGISTRIES` names (with commas between) and for loopback addresses that have no
 * certificate here, HTTPS for all others; authorities and client certificates from Docker's own folders (`certs.d/<host>`)
 * and `ENVCTL_REGISTRY_CA`, beside the well-known ones. Throws `certificates-unreadable` (exit 2).
 */
export function endpointOf(host: string, variables: Variables): Endpoint {
  const name = host === "docker.io" ? "registry-1.docker.io" : host;
  const insecure = (variables.ENVCTL_INSECURE_REGISTRIES ?? "").split(",").map((entry) => entry.trim());
  const plain: Endpoint = { origin: originOf("http", name), authorities: undefined, client: undefined };
  if (insecure.includes(host)) return plain;
  const { own, client } = readFolders(host, variables);
  // Who put a certificate there for a loopback address means it.
  if (isLoopback(host) && own.length === 0 && client === undefined) return plain;
  const added = variables.ENVCTL_REGISTRY_CA ? [...own, read(variables.ENVCTL_REGISTRY_CA)] : own;
  // Storage behind the registry may well have a well-known authority.
  const authorities = added.length > 0 ? [...rootCertificates, ...added] : undefined;
  return { origin: originOf("https", name), authorities, client };
}

/** By its origin the registry is told from other hosts: `:443`, capitals and zeros of an IPv6 address are not in any. */
function originOf(scheme: "http" | "https", name: string): string {
  const address = `${scheme}://${name}`;
  // A host that is none is said to be out of reach when something is asked of it.
  return URL.canParse(address) ? new URL(address).origin : address;
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

/** Docker's rules: `*.crt` are authorities, and a `*.cert` has its key beside it. */
function readFolders(host: string, variables: Variables): { own: Buffer[]; client: Endpoint["client"] } {
  const home = homeFolder(variables);
  const configuration = variables.XDG_CONFIG_HOME || join(home, ".config");
  const own: Buffer[] = [];
  let client: Endpoint["client"];
  for (const folder of ["/etc/docker", join(configuration, "docker"), join(home, ".docker")]) {
    const path = join(folder, "certs.d", host);
    const files = listFolder(path);
    for (const file of files.filter((name) => name.endsWith(".crt"))) own.push(read(join(path, file)));
    const certificate = files.find((name) => name.endsWith(".cert"));
    if (certificate === undefined) continue;
    const key = certificate.replace(/\.cert$/, ".key");
    client = { cert: read(join(path, certificate)), key: read(join(path, key)) };
  }
  return { own, client };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    // There is no folder for most registries.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): EnvctlError {
  return new EnvctlError({
    code: "certificates-unreadable",
    exitCode: ExitCode.usage,
    what: `a registry's certificate cannot be read: ${messageOf(cause)}`,
    where: path,
    state: "nothing was touched",
    next: "mend the file or its permissions, or take it away",
    cause,
  });
}
