import { proxyFolder } from "../proxy/proxy.ts";

/**
 * The connections that a proxy had when it was last given a configuration, as the kernel writes them (proc(5), `/proc/net/tcp`),
 * after a line that says when that was: `at`, and `/proc/uptime` in hundredths of a second.
 */
const clientsFile = `${proxyFolder}/clients`;

const tables = "/proc/net/tcp /proc/net/tcp6";

/**
 * How long a connection may stand open before its first request and still be answered by the configuration that accepted it:
 * Caddy closes those that are silent for longer than 5 s, and looks every half second. Milliseconds.
 */
const longestSilence = 6500;

/** Shell function that sets `now`, in hundredths of a second, by the clock that nobody sets. Constant text. */
export const tellNow = "now() { IFS='. ' read -r seconds hundredths rest </proc/uptime; now=$seconds$hundredths; }";

/** Shell function that a driver calls right before it tells its program of a change: `remember_clients`. Constant text. */
export const rememberClients = `${tellNow}
remember_clients() {
  now
  {
    echo "at $now"
    sed -n 's/^ *[0-9]*:\\( [0-9A-F:]* [0-9A-F:]* 01 \\).*/\\1/p' ${tables}
  } >${clientsFile} 2>/dev/null || :
}`;

/**
 * Shell function that tells, once `now` is set, whether any of these connections is open that may yet ask: `has_early_clients`.
 * What a proxy is told closes idle ones, and those with a request end with it; left are those that are open and have not asked
 * yet, as browsers have them. What they ask the old configuration will answer, by what it knew then. A long request of another
 * site of the proxy cannot be told apart from them. Constant text.
 */
export const hasEarlyClients = `has_early_clients() {
  read -r word at 2>/dev/null <${clientsFile} || return
  [ "$now" -ge "$at" ] && [ "$now" -lt "$((at + ${Math.ceil(longestSilence / 10)}))" ] || return
  grep -qFf ${clientsFile} ${tables} 2>/dev/null
}`;
