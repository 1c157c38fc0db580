import { accessSync, constants, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { parseBytes } from "../base/bytes.ts";
import { parseImageReference } from "../base/reference.ts";
import type { EnvironmentDocument, ProxyDocument, StageDocument } from "./document.ts";
import type { PortBinding, ProxyTls, StageProxy } from "./model.ts";
import type { Path } from "./problems.ts";
import { type Reading, readDuration } from "./read-values.ts";

/** A page is a part of the proxy's configuration, and each configuration is sent whole. Bytes. */
const largestPage = 64 * 1024;

const domainName = /^(?:\*\.)?(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*$/;

/**
 * The proxy of a stage. It has one if it has a `domain`, or if it publishes a port on which the app is known to speak HTTP:
 * the one of `app.health.path`, or, where the file speaks of a proxy, `app.port`.
 */
export function readProxy(
  reading: Reading,
  document: EnvironmentDocument,
  stageName: string,
  published: readonly PortBinding[],
): StageProxy | undefined {
  const stage: StageDocument = document.stages[stageName] ?? {};
  const path = ["stages", stageName];
  if (stage.proxy === false) {
    if (stage.domain !== undefined) {
      reading.problems.error([...path, "proxy"], "a `domain` needs a proxy", "take one of the two away");
    }
    return undefined;
  }
  const domains = readDomains(reading, [...path, "domain"], stage.domain);
  const asked = stage.domain !== undefined || stage.proxy !== undefined || document.proxy !== undefined;
  const appPort = httpPort(document) ?? (asked ? document.app?.port : undefined);
  const ports =
    appPort === undefined ? [] : published.filter((port) => port.containerPort === appPort && port.protocol === "tcp");
  if (appPort === undefined) {
    if (stage.domain !== undefined) {
      const hint = "say which port the program listens on: `app.port`";
      reading.problems.error([...path, "domain"], "a proxy needs to know the app's port", hint);
    }
    return undefined;
  }
  if (stage.domain === undefined && ports.length === 0) return undefined;
  const settings = readSettings(reading, document, path, stage.proxy ?? {});
  if (settings.tls.kind !== "off") requireNames(reading, [...path, "domain"], stage.domain);
  if (settings.driver === "haproxy" && domains.length > 0) {
    const ownDriver = stage.proxy?.driver !== undefined || document.proxy?.driver === undefined;
    requireOwnCertificate(reading, [...(ownDriver ? path : []), "proxy", "driver"], stageName, settings.tls);
  }
  return { ...settings, domains, ports, appPort };
}

/** What HAProxy cannot do is told here, with its place, and not only once a stage is planned on its hosts. */
function requireOwnCertificate(reading: Reading, path: Path, stage: string, { kind }: ProxyTls): void {
  if (kind === "own" || kind === "off") return;
  // Of a `tls` that is wrong, nobody knows what it was to be.
  if ([...reading.problems.wrongPaths()].some((wrong) => /\bproxy\.tls\b/.test(wrong))) return;
  reading.problems.error(
    path,
    `HAProxy obtains no certificates, and ${stage} has a \`domain\``,
    "bring your own one (`tls: { certificate, key }`), serve plain HTTP (`tls: off`), or let Caddy serve it",
  );
}

/** Certificates are chosen by the name that a client tells, and of an address it tells none (RFC 6066 §3). */
function requireNames(reading: Reading, path: Path, value: StageDocument["domain"]): void {
  for (const [index, domain] of [value ?? []].flat().entries()) {
    if (isIP(domain) === 0) continue;
    reading.problems.error(
      typeof value === "string" ? path : [...path, index],
      `${domain} is an address: clients tell a proxy no name for it, and get no certificate`,
      "give it a name that leads there, or serve it by plain HTTP: `proxy.tls: off`",
    );
  }
}

/** The port of the HTTP health check: whoever answers there speaks HTTP. */
function httpPort({ app }: EnvironmentDocument): number | undefined {
  const health = app?.health;
  if (!health || health.path === undefined) return undefined;
  return health.port === undefined || health.port === app?.port ? app?.port : undefined;
}

function readDomains(reading: Reading, path: Path, value: StageDocument["domain"]): string[] {
  const list = value === undefined ? [] : typeof value === "string" ? [value] : value;
  for (const [index, domain] of list.entries()) {
    if (domainName.test(domain.toLowerCase()) && domain.length <= 253) continue;
    const bare = domain.replace(/^\w+:\/\//, "").replace(/[/:].*$/, "");
    const hint = domainName.test(bare.toLowerCase())
      ? `did you mean \`${bare}\`?${domain.endsWith(bare) ? "" : " Paths and ports have keys of their own: `proxy.path`, `proxy.https_port`"}`
      : "such as shop.example.com or *.example.com; write other scripts in punycode (xn--…)";
    reading.problems.error(typeof value === "string" ? path : [...path, index], `"${domain}" is no domain name`, hint);
  }
  // One name in two spellings is one: proxies refuse to be told a name twice.
  return [...new Set(list.map((domain) => domain.toLowerCase()))];
}

/** The stage's keys over those of the whole file, key by key. */
function readSettings(
  reading: Reading,
  document: EnvironmentDocument,
  stagePath: Path,
  own: ProxyDocument,
): Omit<StageProxy, "domains" | "ports" | "appPort"> {
  const shared = document.proxy ?? {};
  const settings = { ...shared, ...own };
  const at = (key: keyof ProxyDocument): Path =>
    own[key] === undefined && shared[key] !== undefined ? ["proxy", key] : [...stagePath, "proxy", key];
  if (settings.image !== undefined && !parseImageReference(settings.image)) {
    reading.problems.error(at("image"), `"${settings.image}" is no image reference`, "such as caddy:2.8");
  }
  const path = settings.path ?? "/";
  if (!/^\/[A-Za-z0-9._~/-]*$/.test(path) || path.includes("//")) {
    reading.problems.error(at("path"), `"${path}" is no path`, "letters, digits and . _ ~ - between slashes: /shop");
  }
  const { http_port: httpPort = 80, https_port: httpsPort = 443 } = settings;
  if (httpPort === httpsPort) {
    const place = at(settings.https_port === undefined ? "http_port" : "https_port");
    const hint = "give it two ports, even where `tls` is off";
    reading.problems.error(place, `a proxy cannot have port ${httpPort} for HTTP and for HTTPS`, hint);
  }
  return {
    driver: settings.driver ?? "caddy",
    imageText: settings.image,
    httpPort,
    httpsPort,
    path,
    stripPath: settings.strip_path ?? false,
    tls: readTls(reading, at("tls"), settings.tls),
    maxBody: readSize(reading, at("max_body"), settings.max_body),
    responseTimeout: readDuration(reading, at("response_timeout"), settings.response_timeout, 60_000),
    drain: readDuration(reading, at("drain"), settings.drain, 30_000),
    trustedProxies: readNetworks(reading, at("trusted_proxies"), settings.trusted_proxies ?? []),
    accessLog: settings.access_log ?? true,
    errorPage: readPage(reading, at("error_page"), settings.error_page),
    maintenancePage: readPage(reading, at("maintenance_page"), settings.maintenance_page),
  };
}

function readTls(reading: Reading, path: Path, value: ProxyDocument["tls"]): ProxyTls {
  if (value === undefined || value === "auto") return { kind: "auto", email: undefined, directory: undefined };
  if (value === "off" || value === "internal") return { kind: value };
  const { certificate, key, email, directory } = value;
  if ((certificate === undefined) !== (key === undefined)) {
    reading.problems.error(
      path,
      "a certificate needs its key, and a key its certificate",
      "give both `certificate` and `key`",
    );
  }
  if (certificate === undefined || key === undefined) {
    if (directory !== undefined && !URL.canParse(directory)) {
      reading.problems.error([...path, "directory"], `"${directory}" is no URL`);
    }
    return { kind: "auto", email, directory };
  }
  if (email !== undefined || directory !== undefined) {
    reading.problems.error(
      path,
      "a certificate of your own comes from no ACME server",
      "give either `certificate` and `key`, or `email` and `directory`",
    );
  }
  const file = (name: "certificate" | "key", text: string) => {
    const absolute = resolve(reading.directory, text);
    try {
      accessSync(absolute, constants.R_OK);
    } catch {
      reading.problems.error([...path, name], `${text} cannot be read`, "paths are relative to the environment file");
    }
    return absolute;
  };
  return { kind: "own", certificate: file("certificate", certificate), key: file("key", key) };
}

function readNetworks(reading: Reading, path: Path, list: readonly string[]): readonly string[] {
  for (const [index, text] of list.entries()) {
    const [address = "", bits, more] = text.split("/");
    const version = isIP(address);
    const size = version === 4 ? 32 : 128;
    // A zone (`%eth0`) is one machine's own, and HAProxy takes none.
    const known = version !== 0 && !address.includes("%") && more === undefined;
    if (known && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= size))) continue;
    reading.problems.error([...path, index], `"${text}" is no address or network`, "such as 192.0.2.7 or 10.0.0.0/8");
  }
  return list;
}

function readSize(reading: Reading, path: Path, value: string | number | undefined): number | undefined {
  if (value === undefined) return undefined;
  const bytes = parseBytes(String(value));
  if (bytes === undefined) reading.problems.error(path, `"${value}" is no size`, "write it like 512k, 10m or 1g");
  return bytes;
}

function readPage(reading: Reading, path: Path, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let content: Buffer;
  try {
    content = readFileSync(resolve(reading.directory, file));
  } catch {
    reading.problems.error(path, `${file} cannot be read`, "paths are relative to the environment file");
    return undefined;
  }
  if (content.length <= largestPage) return content.toString("utf8");
  reading.problems.error(
    path,
    `${file} is larger than 64 KiB`,
    "let the page load its pictures and styles from elsewhere",
  );
  return undefined;
}
