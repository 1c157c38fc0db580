import { Buffer } from "node:buffer";
import { createHmac, randomUUID } from "node:crypto";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";

/** One event for one web hook. */
export interface Delivery {
  readonly url: string;
  /** What kind of event it is: `promote`. */
  readonly event: string;
  /** JSON. */
  readonly body: string;
  /** Signs timestamp and body; undefined sends them unsigned. */
  readonly secret: string | undefined;
  /** Seconds since 1970, part of what is signed: an old event cannot be sent again. */
  readonly timestamp: number;
  readonly signal: AbortSignal;
}

/** How long is waited before each further try. Milliseconds. */
const pauses: readonly number[] = [500, 2000, 5000];
const tryLimit = 10_000;
/** The longest pause that an answer may ask for. Milliseconds. */
const longestPause = 15_000;

/**
 * Posts an event, and tries again where the other side is out of reach, too busy or broken (408, 425, 429, 5xx), each time
 * under the same id. Rejects with why it did not get there: without the address, which may be a secret.
 */
export async function postEvent(delivery: Delivery): Promise<{ readonly tries: number }> {
  const headers = headersOf(delivery);
  for (let tries = 1; ; tries += 1) {
    const { failure, again, after } = await post(delivery, headers);
    if (failure === undefined) return { tries };
    const pause = pauses[tries - 1];
    if (!again || pause === undefined) throw new Error(`${failure}${tries > 1 ? ` (tried ${tries} times)` : ""}`);
    await systemClock.wait(Math.min(longestPause, Math.max(pause, after)), delivery.signal);
  }
}

/** `sha256=…`: HMAC-SHA256 (RFC 2104) over the timestamp, a dot and the body. */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`;
}

function headersOf({ url, event, body, secret, timestamp }: Delivery): Record<string, string> {
  return {
    ...authorizationIn(url),
    "Content-Type": "application/json",
    "User-Agent": "envctl",
    "X-Envctl-Event": event,
    "X-Envctl-Delivery": randomUUID(),
    "X-Envctl-Timestamp": String(timestamp),
    ...(secret === undefined ? {} : { "X-Envctl-Signature": signatureOf(secret, timestamp, body) }),
  };
}

/** `fetch` takes no address with a user in it, and quotes the password where it says so (RFC 7617 for the header). */
function authorizationIn(address: string): Record<string, string> {
  const { username, password } = new URL(address);
  if (username === "" && password === "") return {};
  const user = Buffer.from(`${decoded(username)}:${decoded(password)}`);
  return { Authorization: `Basic ${user.toString("base64")}` };
}

/** A percent sign may stand for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function withoutUser(address: string): URL {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url;
}

interface Attempt {
  /** Undefined where it was taken. */
  readonly failure: string | undefined;
  readonly again: boolean;
  /** Milliseconds that the answer asks to wait. */
  readonly after: number;
}

async function post({ url, body, signal }: Delivery, headers: Record<string, string>): Promise<Attempt> {
  try {
    const limit = AbortSignal.any([signal, timeLimit(tryLimit)]);
    // An address that has moved is for a person to look at: what is signed goes nowhere else.
    const answer = await fetch(withoutUser(url), { method: "POST", headers, body, signal: limit, redirect: "manual" });
    await answer.body?.cancel();
    if (answer.ok) return { failure: undefined, again: false, after: 0 };
    const again = [408, 425, 429].includes(answer.status) || answer.status >= 500;
    const after = Number(answer.headers.get("retry-after") ?? 0) * 1000;
    return { failure: `it answers ${answer.status}`, again, after: Number.isFinite(after) ? after : 0 };
  } catch (error) {
    signal.throwIfAborted();
    const { port } = new URL(url);
    if (isBadPort(error)) return { failure: `no web hook is sent to port ${port}`, again: false, after: 0 };
    return { failure: whyUnsent(error), again: true, after: 0 };
  }
}

/** Ports of other protocols, among them 6000 and 10080, to which `fetch` sends nothing (Fetch Standard, §port blocking). */
function isBadPort(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && error.cause.message === "bad port";
}

/** `fetch` says "fetch failed", and keeps the reason for itself; the address in it is left out. */
function whyUnsent(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return "it does not answer";
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return code === "" ? messageOf(error) : `it cannot be reached (${code})`;
}
