import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";

interface Refusal {
  readonly host: string;
  readonly path: string;
  readonly status: number;
  /** What the registry says itself (distribution-spec, error codes), cut short and without control characters. */
  readonly said: string;
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
  const busy = status === 429 || status >= 500;
  return new EnvctlError({
    code: "registry-refused",
    exitCode: ExitCode.unreachable,
    what: `the registry answered ${status}${detail}`,
    where: `${host}/${path}`,
    next: busy
      ? "try again later; what was sent already need not be sent again"
      : "check image.repository: does the repository exist, and may we use it?",
  });
}

export function unreachable(host: string, cause: unknown): EnvctlError {
  const why = messageOf(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const speaksPlain = /wrong version number|packet length too long/i.test(why) || code === "EPROTO";
  const unknownAuthority = [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  ].includes(code);
  const next = speaksPlain
    ? `it speaks plain HTTP: if that is right, set ENVCTL_INSECURE_REGISTRIES=${host}`
    : unknownAuthority
      ? `its authority is not known here: put the certificate in /etc/docker/certs.d/${host}/ca.crt, or name it in ENVCTL_REGISTRY_CA`
      : "is it running, and is the name right? envctl doctor tries everything";
  return new EnvctlError({
    code: "registry-unreachable",
    exitCode: ExitCode.unreachable,
    what: `the registry cannot be reached: ${why}`,
    where: host,
    next,
    cause,
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
        .map((error: { code?: unknown; message?: unknown }) => `${error?.code ?? ""} ${error?.message ?? ""}`.trim())
        .join("; ");
  } catch {
    // Not the specification's JSON: then the text itself must do.
  }
  const line = text.replace(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
