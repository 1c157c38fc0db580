import { readCaddyAccess } from "./caddy-access.ts";
import { adminSocket, caddyConfiguration, closingFile, dataFolder } from "./caddy-configuration.ts";
import { caddyRefuses } from "./caddy-refusal.ts";
import { type ProxyDriver, proxyFolder } from "./proxy.ts";

const file = `${proxyFolder}/caddy.json`;
const nextFile = `${proxyFolder}/next.json`;

/**
 * Clients are asked to close their connections for a moment before the reload closes idle ones. The new file takes the
 * old one's place once it is live: a restart never meets one that Caddy would not load. Forced, so that certificates are
 * read again where nothing else is new.
 */
const activation = [
  `: >${closingFile}`,
  "sleep 0.1",
  `caddy reload --force --config ${nextFile} --address unix/${adminSocket} && mv -f ${nextFile} ${file}`,
  "code=$?",
  `rm -f ${closingFile}`,
  "exit $code",
].join("; ");

/**
 * Caddy 2.6.2 and later. It is told everything in its native JSON: a Caddyfile would read site texts as instructions.
 * No HTTP/3: 2.6 breaks off its requests at every reload.
 */
export const caddy: ProxyDriver = {
  name: "caddy",
  image: "caddy:2",
  file,
  nextFile,
  command: ["caddy", "run", "--config", file],
  volumes: { [dataFolder]: "caddy" },
  activate: ["sh", "-c", activation],
  // Each configuration listens anew. Unless the kernel moves them (Linux 5.14), connections that the old one had not
  // accepted yet are reset.
  sysctls: { "net.ipv4.tcp_migrate_req": "1" },
  refuses: caddyRefuses,
  render: (sites, revision) => JSON.stringify(caddyConfiguration(sites, revision)),
  readAccess: readCaddyAccess,
};
