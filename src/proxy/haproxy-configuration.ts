import { accessFormat } from "./haproxy-access.ts";
import { listening } from "./haproxy-frontends.ts";
import { pagesOf } from "./haproxy-refusal.ts";
import { asName, asTime } from "./haproxy-text.ts";
import type { Site } from "./proxy.ts";
import { isSecure } from "./routes.ts";

/**
 * Once the drain is over, the app is told to end: it says goodbye to its WebSockets and event streams, which must not be
 * cut off under its hands. Milliseconds.
 */
const goodbye = 5000;

/** The whole configuration of one HAProxy. Its first line is for the activation. */
export function haproxyConfiguration(sites: readonly Site[], revision: string): string {
  const lines = [
    `# revision ${asName(revision)}`,
    ...sites.filter(isSecure).map(({ id, tls }) => {
      // Another certificate in the same file is another configuration.
      return `# certificate ${asName(id)} ${asName(tls.kind === "own" ? tls.fingerprint : "")}`;
    }),
    "global",
    ...indented(global(sites)),
    "defaults",
    ...indented(defaults),
    "resolvers docker",
    ...indented(resolvers),
    ...listening(sites, revision),
  ];
  return `${lines.join("\n")}\n`;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function global(sites: readonly Site[]): string[] {
  const largest = Math.max(0, ...sites.flatMap(pagesOf).map((page) => Buffer.byteLength(page)));
  return [
    // Of the official image's user; only the master stays root, and has read the keys.
    "uid 99",
    "gid 99",
    // Containers may be allowed a billion of them, and HAProxy has memory for each that it may have.
    "fd-hard-limit 65536",
    // What is under way in a replaced configuration goes on for so long.
    `hard-stop-after ${asTime(Math.max(0, ...sites.map(({ drain }) => drain)) + goodbye)}`,
    `tune.bufsize ${Math.max(16_384, largest + 4096)}`,
    // The key of `shop.crt` is `shop.key`.
    "ssl-load-extra-del-ext",
    "ssl-load-extra-files key",
    "ssl-default-bind-options ssl-min-ver TLSv1.2",
  ];
}

const defaults = [
  "mode http",
  `log-format "${accessFormat}"`,
  "option dontlognull",
  // At a reload a client that is just sending its next request is served once more, and told to close then.
  "option idle-close-on-response",
  // A new connection for each request: a kept one that the app just closes (Node does after 5 s) would fail a POST.
  "option http-server-close",
  // Only what could not be sent is tried again: a connection that was not made.
  "retry-on conn-failure",
  "retries 2",
  "option redispatch 1",
  // Events are not held back to fill packets.
  "option http-no-delay",
  "timeout http-request 30s",
  "timeout http-keep-alive 2m",
  "timeout client 10m",
  "timeout client-fin 30s",
  "timeout connect 1s",
  "timeout queue 5s",
  "timeout server 30s",
  // WebSockets may be silent; peers that are gone are found out by the kernel.
  `timeout tunnel ${asTime(Number.POSITIVE_INFINITY)}`,
  "option clitcpka",
  "clitcpka-idle 60s",
  "clitcpka-intvl 15s",
  "clitcpka-cnt 4",
  // A name that nobody has yet must not stop the start.
  "default-server init-addr libc,none resolvers docker resolve-prefer ipv4",
];

/** Docker's own: it follows a container's address, and forgets one that is gone before another gets it. */
const resolvers = [
  "nameserver embedded 127.0.0.11:53",
  "accepted_payload_size 8192",
  "timeout resolve 500ms",
  "timeout retry 500ms",
  "hold nx 1s",
];
