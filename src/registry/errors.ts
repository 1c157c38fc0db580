import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { textOf } from "../base/json.ts";

interface Refusal {
  readonly host: string;
  readonly path: string;
  readonly status: number;
  /** What the registry says itself (distribution-spec, error codes), cut short and without control characters. */
  readonly said: string;
}

/** A refusal that may pass: too many requests, or trouble on the registry's side. */
export class PassingRefusal extends Error {
  readonly refusal: EnvctlError;
  /** The header of that name: seconds, or a date (RFC 9110 §10.2.3). */
  readonly retryAfter: string | undefined;

  constructor(refusal: EnvctlError, retryAfter: string | undefined) {
    super(refusal.message);
    this.name = "PassingRefusal";
    this.refusal = refusal;
    this.retryAfter = retryAfter;
  }
}

export function refused({ host, path, status, said }: Refusal): EnvctlError {
  const detail = said === "" ? "" : `: ${said}`;
  if (status === 401 || status === 403) {
    return new EnvctlError({
      code: "registry-unauthorized",
      exitCode: ExitCode.unreachable,
      what: `the registry does not let us in (${status})${detail}`,
      where: `${host}/${path}`,
      next: `docker login ${host === "docker.io" ? "" : host}`.trim(),
    });
  }
  return new EnvctlError({
    code: "registry-refused",
    exitCode: ExitCode.unreachable,
    what: `the registry answered ${status}${detail}`,
    where: `${host}/${path}`,
    next: nextAfter(status, said, host),
  });
}

function nextAfter(status: number, said: string, host: string): string {
  if (status === 429 || status >= 500) return "try again later; what was sent already need not be sent again";
  // Go's servers answer so, and most registries are Go's.
  if (/HTTP request to an HTTPS server/i.test(said))
    return `it speaks TLS: put its authority's certificate in /etc/docker/certs.d/${host}/ca.crt`;
  if (status === 413) return "something in front of the registry limits the size of uploads: ask who runs it";
  return "check image.repository: does the repository exist, and may we use it?";
}

/** Where a registry wants a password sent to a place that it must not go to. */
export function unsafeRealm(host: string, realm: string): EnvctlError {
  return new EnvctlError({
    code: "registry-unauthorized",
    exitCode: ExitCode.unreachable,
    what: `the registry wants the password sent to ${cleaned(realm)}, over a connection that anybody can listen to`,
    where: host,
    state: "it was not sent",
    next: "ask who runs the registry to give tokens over https",
  });
}

const unknownAuthority: readonly string[] = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
];

export function unreachable(host: string, path: string, cause: unknown): EnvctlError {
  const why = cleaned(messageOf(cause)) || "the connection failed";
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const speaksPlain = /wrong version number|packet length too long/i.test(why) || code === "EPROTO";
  const next = speaksPlain
    ? `it speaks plain HTTP: if that is right, set ENVCTL_INSECURE_REGISTRIES=${host}`
    : unknownAuthority.includes(code)
      ? `its authority is not known here: put the certificate in /etc/docker/certs.d/${host}/ca.crt, or name it in ENVCTL_REGISTRY_CA`
      : "is it running, and is the name right? envctl doctor tries everything";
  return new EnvctlError({
    code: "registry-unreachable",
    exitCode: ExitCode.unreachable,
    what: `the registry cannot be reached: ${why}`,
    where: path === "" ? host : `${host}/${path}`,
    next,
    cause,
  });
}

/** An answer that the specification does not know. */
export function senseless(where: string, what: string): EnvctlError {
  return new EnvctlError({
    code: "registry-refused",
    exitCode: ExitCode.unreachable,
    what: `the registry's answer makes no sense: ${what}`,
    where,
    next: "is this really a registry? envctl doctor tries everything",
  });
}

export function wrongContent(where: string, wanted: Digest, found: string): EnvctlError {
  return new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `the registry's content is not what its digest says: wanted ${wanted}, found ${found}`,
    where,
    state: "nothing was run from it",
    next: "somebody or something changed the content on the way: do not use this registry until it is known why",
  });
}

/** The message in a registry's error body, made fit to be shown. */
export function saidBy(body: Buffer): string {
  let text = body.toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    const errors = typeof parsed === "object" && parsed !== null && "errors" in parsed ? parsed.errors : undefined;
    if (Array.isArray(errors))
      text = errors
        .map((error: { code?: unknown; message?: unknown }) =>
          `${textOf(error?.code)} ${textOf(error?.message)}`.trim(),
        )
        .join("; ");
  } catch {
    // Not the specification's JSON: then the text itself must do.
  }
  const start = text.slice(0, 4096);
  return cleaned(/^\s*</.test(start) ? start.replace(/<[^>]*>/g, " ") : start);
}

/** One short line without control characters, or those that turn the direction of writing. */
function cleaned(text: string): string {
  const line = text
    .slice(0, 4096)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
