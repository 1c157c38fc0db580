import { proxyFolder } from "../proxy/proxy.ts";

/** The connections that a proxy had when it was last told of a change, as the kernel writes them (proc(5), `/proc/net/tcp`). */
const clientsFile = `${proxyFolder}/clients`;

const tables = "/proc/net/tcp /proc/net/tcp6";

/**
 * How long a connection may stand open before its first request and still be answered by the configuration that accepted it:
 * Caddy closes those that are silent for longer than 5 s, and looks every half second. Milliseconds.
 */
const longestSilence = 6500;

/** Shell function that a driver calls right before it tells its program of a change: `remember_clients`. Constant text. */
export const rememberClients = `remember_clients() {
  sed -n 's/^ *[0-9]*:\\( [0-9A-F:]* [0-9A-F:]* 01 \\).*/\\1/p' ${tables} >${clientsFile} 2>/dev/null || :
}`;

/**
 * Shell function that tells whether any of these connections is still open: `has_early_clients`. What a proxy is told closes
 * idle ones, and those with a request end with it; left are those that are open and have not asked yet, as browsers have them.
 * What they ask the old configuration will answer, by what it knew then. A long request of another site of the proxy cannot be
 * told apart from them. Constant text.
 */
export const hasEarlyClients = `has_early_clients() {
  [ -s ${clientsFile} ] && grep -qFf ${clientsFile} ${tables} 2>/dev/null
}`;

/** As a drain counts time: in hundredths of a second. */
export const earlyLimit = Math.ceil(longestSilence / 10);
