import { SilenceError } from "./http.ts";

const firstPause = 200;
const longestPause = 10_000;
/** What a registry may ask for. */
const longestAsked = 60_000;

/**
 * Milliseconds to wait before the next try: doubled each time, spread by chance so that many clients do not come back at
 * once, and not less than `Retry-After` asks for (RFC 9110 §10.2.3). Undefined where that is longer than a minute.
 */
export function pauseBefore(attempt: number, retryAfter: string | undefined, now: Date): number | undefined {
  const asked = readRetryAfter(retryAfter, now);
  if (asked > longestAsked) return undefined;
  const grown = Math.min(longestPause, firstPause * 2 ** (attempt - 1) * (0.5 + Math.random()));
  return Math.max(asked, grown);
}

function readRetryAfter(header: string | undefined, now: Date): number {
  if (header === undefined) return 0;
  const value = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return Number.isNaN(value) ? 0 : Math.max(0, value);
}

const most = 5;
const lasting: readonly string[] = [
  "ENOTFOUND",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPROTO",
  "ERR_TLS_CERT_ALTNAME_INVALID",
];

/**
 * How often to try where this is what happens. Connections that break off may hold the next time; a name that is not known
 * or a certificate that is wrong will not, and who waited long for nothing should not wait five times.
 */
export function triesAfter(error: unknown): number {
  if (error instanceof SilenceError) return error.connected ? 2 : 1;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const hopeless = lasting.includes(code) || code.startsWith("ERR_INVALID") || /CERT|SIGNED|VERIFY/.test(code);
  return hopeless ? 1 : most;
}
