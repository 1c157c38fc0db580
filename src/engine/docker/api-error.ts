import { EnvctlError, ExitCode } from "../../base/errors.ts";

interface Reading {
  readonly pattern: RegExp;
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly what: (match: RegExpExecArray) => string;
  readonly next?: string;
}

/** What engines say in words, read as codes: the Engine API itself gives only an HTTP status. First match wins. */
const readings: readonly Reading[] = [
  {
    pattern: /name "?\/?([^"\s]+)"? is already in use/i,
    code: "name-taken",
    exitCode: ExitCode.failed,
    what: ([, name]) => `another container has the name ${name}`,
  },
  {
    pattern:
      /(?:bind for|bind host port(?: for)?|listen \w+) (?:\[[^\]]*\]|[\w.]*):(\d+)\S*\s[^\n]*already (?:allocated|in use)/i,
    code: "port-taken",
    exitCode: ExitCode.failed,
    what: ([, port]) => `port ${port} of the host is taken by something else`,
    // Docker 20.10 and others keep a port that a container was about to get when they crashed, until their next start.
    next: "stop what listens on that port, or publish another one in the environment file; where nothing does, the engine keeps it since a crash: sudo systemctl restart docker",
  },
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: "disk-full",
    exitCode: ExitCode.failed,
    what: () => "the host's disk is full",
    next: 'free space on the host: "docker system df" shows what takes it',
  },
  {
    pattern:
      /verification failed for digest|layer verification failed|unexpected commit digest|digest mismatch|does not match (?:the )?digest/i,
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: () => "what the registry delivered is not what its digest says",
  },
  {
    pattern: /manifest unknown|manifest for \S+ not found|name unknown|repository .*not found|: not found$/i,
    code: "manifest-unknown",
    exitCode: ExitCode.failed,
    what: () => "the registry does not have this image",
  },
  {
    pattern: /unauthorized|no basic auth credentials|authentication required|access (?:to the resource is )?denied/i,
    code: "registry-unauthorized",
    exitCode: ExitCode.failed,
    what: () => "the registry refuses the credentials, or wants some",
    next: 'log in with "docker login" and the registry\'s name',
  },
  {
    // The last words: of one that somebody else is removing at this moment.
    pattern: /no such image|image not known|unrecognized image ID/i,
    code: "image-missing",
    exitCode: ExitCode.failed,
    what: () => "the host does not have this image",
  },
  {
    pattern: /no such container/i,
    code: "container-missing",
    exitCode: ExitCode.failed,
    what: () => "there is no such container any more",
  },
  {
    // Docker: `Container … is not running`; Podman: `can only kill running containers. … is in state exited`.
    pattern: /container \S+ is not running|can only kill running containers/i,
    code: "container-not-running",
    exitCode: ExitCode.failed,
    what: () => "the container does not run",
  },
  {
    pattern: /removal of container \S+ is already in progress/i,
    code: "removal-in-progress",
    exitCode: ExitCode.failed,
    what: () => "it is being removed already",
  },
  {
    pattern: /volume is in use|volume is being used/i,
    code: "volume-in-use",
    exitCode: ExitCode.failed,
    what: () => "a container still uses this volume",
  },
  {
    pattern: /has active endpoints|network is in use|has associated containers/i,
    code: "network-in-use",
    exitCode: ExitCode.failed,
    what: () => "containers are still attached to this network",
  },
  {
    pattern: /conflict: unable to (?:remove|delete)|image is in use|image used by/i,
    code: "image-in-use",
    exitCode: ExitCode.failed,
    what: () => "containers still use this image",
  },
  {
    pattern: /HTTP request to an HTTPS server/i,
    code: "tls-required",
    exitCode: ExitCode.unreachable,
    what: () => "the engine wants TLS",
    next: "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use ssh://",
  },
  {
    pattern: /dial tcp|no such host|i\/o timeout|TLS handshake|HTTP response to HTTPS client|x509:|Client\.Timeout/i,
    code: "registry-unreachable",
    exitCode: ExitCode.unreachable,
    what: () => "the host cannot reach the registry",
    next: "check from the host that the registry's name resolves, and that its certificate is trusted there",
  },
];

/**
 * An engine's refusal as an error for people. `doing` says what was asked for; the engine's own words are kept as
 * evidence, without any of the `secrets`.
 */
export function apiError(details: {
  readonly status: number;
  readonly message: string;
  readonly where: string;
  readonly doing: string;
  readonly secrets?: Readonly<Record<string, string>> | undefined;
}): EnvctlError {
  const message = redact(details.message.trim(), details.secrets ?? {});
  for (const reading of readings) {
    const match = reading.pattern.exec(message);
    if (!match) continue;
    return new EnvctlError({
      code: reading.code,
      exitCode: reading.exitCode,
      what: `${details.doing}: ${reading.what(match)}`,
      where: details.where,
      next: reading.next,
      evidence: [message],
    });
  }
  return new EnvctlError({
    code: details.status === 404 ? "not-found" : "engine-refused",
    exitCode: ExitCode.failed,
    what: `${details.doing}: ${message || `the engine answered ${details.status}`}`,
    where: details.where,
  });
}

/** Engines repeat parts of a request in their complaints, values of the environment included. */
function redact(message: string, secrets: Readonly<Record<string, string>>): string {
  let clean = message;
  // Longest first, or a value that is part of another would leave the rest of it standing.
  for (const [name, value] of Object.entries(secrets).sort(([, a], [, b]) => b.length - a.length)) {
    if (value === "") continue;
    clean = clean.replaceAll(`${name}=${value}`, `${name}=***`);
    // Short values (`1`, `true`) stand in every other sentence and are no secrets.
    if (value.length >= 5) clean = clean.replaceAll(value, "***");
  }
  return clean;
}

/** The connection broke, or the engine did not speak HTTP. */
export function connectionLost(cause: unknown, where: string, doing: string): EnvctlError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code.startsWith("HPE_")) {
    return new EnvctlError({
      code: "not-an-engine",
      exitCode: ExitCode.unreachable,
      what: `${doing}: what answers there does not speak HTTP`,
      where,
      next: "check the address; over SSH, see that the login shell prints nothing when it is not interactive",
      cause,
    });
  }
  // With TLS 1.3 the engine refuses our certificate only after our side of the handshake is done.
  if (code.startsWith("ERR_SSL_")) {
    return new EnvctlError({
      code: "tls-failed",
      exitCode: ExitCode.unreachable,
      what: `${doing}: the engine refuses our TLS certificate (${code})`,
      where,
      next: "check cert.pem and key.pem in DOCKER_CERT_PATH",
      cause,
    });
  }
  return new EnvctlError({
    code: "host-unreachable",
    exitCode: ExitCode.unreachable,
    what: `${doing}: the connection to the host was lost`,
    where,
    next: "run the same command again: it continues where it stopped",
    cause,
  });
}
