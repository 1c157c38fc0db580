import { readCaddyAccess } from "./caddy-access.ts";
import { closingFile } from "./caddy-closing.ts";
import { adminSocket, caddyConfiguration, dataFolder } from "./caddy-configuration.ts";
import { caddyRefuses } from "./caddy-refusal.ts";
import { type ProxyDriver, proxyFolder } from "./proxy.ts";

const file = `${proxyFolder}/caddy.json`;
const nextFile = `${proxyFolder}/next.json`;

const load = (from: string) => `caddy reload --force --config ${from} --address unix/${adminSocket}`;

/**
 * Clients are asked to close their connections for a moment before the reload closes idle ones; not for long where the
 * change is long in coming. The program that loads the configuration is started meanwhile, and reads it from a pipe: it
 * takes longer to start than to do its work.
 */
const prepare = [
  "ask_to_close() {",
  `  : >${closingFile}`,
  `  (sleep 5 & nap=$!; trap 'kill "$nap"; wait "$nap"; exit' TERM; wait "$nap"; rm -f ${closingFile}) >/dev/null 2>&1 &`,
  "  timer=$!",
  "}",
  "ask_to_close",
  "pipe=/run/caddy-next.$$",
  'rm -f "$pipe"',
  'mkfifo "$pipe"',
  `${load('"$pipe"')} &`,
  "loader=$!",
  "feeder=$!",
  "sleep 0.2",
].join("\n");

/**
 * The new file takes the old one's place once it is live: a restart never meets one that Caddy would not load. Forced, so
 * that certificates are read again where nothing else is new. A loader that was killed while it waited is started anew.
 */
const activate = [
  `[ -e ${closingFile} ] || { ask_to_close; sleep 0.2; }`,
  // Caddy would take nothing at all for a configuration that serves nobody.
  `text=$(cat ${nextFile}) && [ -n "$text" ] || return 1`,
  "remember_clients",
  // Whichever of the two opens the pipe first waits for the other.
  `printf '%s' "$text" >"$pipe" &`,
  "feeder=$!",
  'wait "$loader"',
  "code=$?",
  `[ "$code" -le 128 ] || { ${load(nextFile)}; code=$?; }`,
  `[ "$code" -eq 0 ] && mv -f ${nextFile} ${file}`,
].join("\n");

/** Caddy is the container's first process, and waits for no child of others: nothing may outlive the shell. */
const conclude = `kill "$timer" "$loader" "$feeder" 2>/dev/null; wait 2>/dev/null; rm -f ${closingFile} "$pipe"`;

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
  activation: { prepare, activate, conclude },
  turns: true,
  // Each configuration listens anew. Unless the kernel moves them (Linux 5.14), connections that the old one had not
  // accepted yet are reset.
  sysctls: { "net.ipv4.tcp_migrate_req": "1" },
  refuses: caddyRefuses,
  render: (sites, revision) => JSON.stringify(caddyConfiguration(sites, revision)),
  readAccess: readCaddyAccess,
};
