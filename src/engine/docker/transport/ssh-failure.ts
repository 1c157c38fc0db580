import { EnvctlError, ExitCode } from "../../../base/errors.ts";
import { commandForPeople, type SshTarget } from "./ssh-arguments.ts";

interface Reading {
  readonly code: string;
  readonly pattern: RegExp;
  readonly what: string;
  /** From what was printed, too: it has the names by which ssh itself knows the host. */
  readonly next: (target: SshTarget, printed: string) => string;
}

/** What ssh, and docker at its other end, print when they fail. First match wins: docker's words quote the system's. */
const readings: readonly Reading[] = [
  {
    code: "docker-permission-denied",
    pattern: /permission denied while trying to connect to the Docker|dial unix \S+: connect: permission denied/i,
    what: "this user may not use the Docker socket on the host",
    next: (target) => `${commandForPeople(target)} 'sudo usermod -aG docker $USER'`,
  },
  {
    code: "docker-not-running",
    pattern:
      /Cannot connect to the Docker daemon|Is the docker daemon running|dial unix \S+: connect: (?:no such file|connection refused)/i,
    what: "Docker is installed on the host, but its engine does not run",
    next: (target) => `${commandForPeople(target)} 'sudo systemctl start docker'`,
  },
  {
    code: "docker-too-old",
    pattern: /dial-stdio'? is not a docker command|unknown command.*dial-stdio|'docker system' accepts no arguments/i,
    what: 'Docker on the host is too old: it lacks "docker system dial-stdio"',
    next: () => "update Docker on the host to 20.10 or newer",
  },
  {
    code: "host-key-changed",
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed/i,
    what: "the host's key is not the one that is known: it was reinstalled, or somebody listens in between",
    next: (target, printed) => `ask who runs the host; only if its key did change: ${forgetKey(target, printed)}`,
  },
  {
    code: "host-key-unknown",
    pattern: /Host key verification failed|No \S+ host key is known/i,
    what: "the host's key is not known here yet",
    next: (target) => `connect once by hand, and compare the fingerprint: ${commandForPeople(target)}`,
  },
  {
    code: "ssh-permission-denied",
    pattern: /Permission denied \(|Permission denied, please try again|Too many authentication failures/i,
    what: "the host refuses the ssh key",
    next: (target) =>
      `ssh-copy-id ${commandForPeople(target).slice("ssh ".length)} – or ssh-add, where the key has a passphrase`,
  },
  {
    code: "host-not-found",
    pattern: /Could not resolve hostname/i,
    what: "the host's name cannot be resolved",
    next: ({ configFile = "~/.ssh/config" }) => `check the name in the environment file, in ${configFile}, and DNS`,
  },
  {
    code: "host-timeout",
    pattern: /timed out|No route to host|Network is unreachable|not responding|Host is down/i,
    what: "the host does not answer",
    next: (target) => `check that the host is up: ${commandForPeople(target)}`,
  },
  {
    code: "host-refused",
    pattern: /connect to host \S+ port \d+: Connection refused/i,
    what: "the host refuses the connection: no ssh server listens on that port",
    next: (target) => `check the port: ${commandForPeople(target)}`,
  },
  {
    code: "ssh-config-invalid",
    pattern:
      /Bad configuration option|Bad owner or permissions|terminating, \d+ bad configuration|Can't open user config/i,
    what: "ssh does not accept its configuration",
    next: (target) => commandForPeople(target),
  },
];

/** Another name than the host's own, and another file than the user's, are what an ssh configuration is for. */
function forgetKey({ host, port }: SshTarget, printed: string): string {
  const known = /host key for (\S+) has changed/i.exec(printed)?.[1];
  const file = /^Offending .* key in (.+):\d+\r?$/m.exec(printed)?.[1];
  const name = known ?? (port === undefined ? host : `[${host}]:${port}`);
  return ["ssh-keygen", ...(file === undefined ? [] : ["-f", quoted(file)]), "-R", quoted(name)].join(" ");
}

function quoted(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What a shell answers when there is no such command (POSIX, Exit Status for Commands). */
const commandNotFound = 127;

/** Why a connection over ssh ended, in words, with what ssh printed as evidence. */
export function sshFailure(target: SshTarget, where: string, exitCode: number | null, printed: string): EnvctlError {
  const evidence = printed
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const reading = readings.find(({ pattern }) => pattern.test(printed));
  const shared = { exitCode: ExitCode.unreachable, where, evidence };
  if (!reading && (exitCode === commandNotFound || /docker: (?:command )?not found/i.test(printed))) {
    return new EnvctlError({
      ...shared,
      code: "docker-missing",
      what: "the host has no docker command",
      next: `install Docker on the host, and see that it is found: ${commandForPeople(target)} docker version`,
    });
  }
  if (reading) {
    return new EnvctlError({ ...shared, code: reading.code, what: reading.what, next: reading.next(target, printed) });
  }
  return new EnvctlError({
    ...shared,
    code: "host-unreachable",
    what: evidence.at(-1) ?? "the connection over ssh is lost: the host answers no more",
    next: `see whether this works: ${commandForPeople(target)} docker version`,
  });
}
