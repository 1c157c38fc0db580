import { formatDuration } from "../base/duration.ts";
import { maskValue } from "./mask.ts";
import type { Check, HttpCheck, StatusRange, Verification } from "./verification.ts";

const secretive = /^(?:proxy-)?authorization$|cookie|token|secret|key|pass/i;

/** The checks of a stage in the words of the environment file; headers that carry secrets are masked. */
export function verificationDocument({ checks, onFailure }: Verification) {
  return { checks: checks.map(checkDocument), on_failure: onFailure };
}

/** What a request has in it that nobody is to see: a token in a header, the password of its address. */
export function secretsOf({ target, headers }: Pick<HttpCheck, "target" | "headers">): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) => (secretive.test(name) ? [value] : []));
  return [
    // `Bearer …`: what comes back in an answer or a log is the second word alone.
    ...values.flatMap((value) => [value, ...value.split(" ").slice(1)]),
    ...(target.kind === "url" ? passwordsIn(target.url) : []),
  ];
}

/** Its password as it is written there, and as what it stands for. */
function passwordsIn(url: string): string[] {
  const written = /^\w+:\/\/[^/?#]*?:([^/?#]*)@/.exec(url)?.[1] ?? "";
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    // A percent sign may stand for itself.
    return [written];
  }
}

function checkDocument(check: Check) {
  const { name, timeout, retries, interval } = check;
  return {
    name,
    ...kindDocument(check),
    timeout: formatDuration(timeout),
    retries,
    interval: formatDuration(interval),
  };
}

function kindDocument(check: Check) {
  if (check.kind === "http") return { http: httpDocument(check) };
  if (check.kind === "tcp") {
    return { tcp: { port: check.port, ...(check.service === undefined ? {} : { service: check.service }) } };
  }
  return { [check.kind]: check.command, ...(check.junit === undefined ? {} : { junit: check.junit }) };
}

function httpDocument({ target, method, status, headers, expectHeaders, body, within }: HttpCheck) {
  const shown = Object.entries(headers).map(([name, value]) => [name, secretive.test(name) ? "<masked>" : value]);
  const expected = Object.entries(expectHeaders).map(([name, pattern]) => [name, pattern.text]);
  return {
    ...(target.kind === "url" ? { url: maskValue("", target.url) } : { path: target.path }),
    ...(target.kind === "containers" ? { port: target.port } : {}),
    method,
    status: status.map(statusText),
    ...(shown.length > 0 ? { headers: Object.fromEntries(shown) } : {}),
    ...(expected.length > 0 ? { expect_headers: Object.fromEntries(expected) } : {}),
    ...(body ? { body: body.text } : {}),
    ...(within === undefined ? {} : { within: formatDuration(within) }),
  };
}

/** `200` or `2xx`. */
export function statusText({ from, to }: StatusRange): string {
  return from === to ? String(from) : `${String(from)[0]}xx`;
}
