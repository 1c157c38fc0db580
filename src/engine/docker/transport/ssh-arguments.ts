import { EnvctlError, ExitCode } from "../../../base/errors.ts";

/** A host as `ssh` is told of it. */
export interface SshTarget {
  /** A name or address, or an alias of the user's ssh configuration. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Instead of `~/.ssh/config`. */
  readonly configFile: string | undefined;
  /** True where a person can answer ssh's questions. */
  readonly interactive: boolean;
  /** Compress what goes over the connection; the user's own configuration decides unless it is true. */
  readonly compress?: boolean;
}

/** How a connection uses the one that is shared: makes it, goes through it, or stays apart. */
export type Sharing = { readonly role: "master" | "client"; readonly socket: string } | { readonly role: "none" };

/** What runs on the host: a pipe from its standard input and output to the engine's socket. */
const remoteCommand = ["docker", "system", "dial-stdio"];

/**
 * Options every connection has. `~/.ssh/config` stays in force for how the host is reached (ProxyJump, keys,
 * known_hosts); what would disturb a pipe (a remote command, forwardings of the agent or of X11) is switched off.
 */
function commonOptions(target: SshTarget): string[] {
  return [
    ...(target.configFile === undefined ? [] : ["-F", target.configFile]),
    ...["-T", "-a", "-x"],
    ...(target.interactive ? [] : option("BatchMode=yes")),
    ...(target.compress ? option("Compression=yes") : []),
    ...option("ConnectTimeout=10"),
    // A host that is gone is known to be gone after 15 s: nobody waits longer before things are put in order.
    ...option("ServerAliveInterval=5"),
    ...option("ServerAliveCountMax=3"),
    ...option("PermitLocalCommand=no"),
    ...option("RemoteCommand=none"),
    ...(target.user === undefined ? [] : ["-l", target.user]),
    ...(target.port === undefined ? [] : ["-p", String(target.port)]),
  ];
}

/** A pipe to the engine. */
export function engineArguments(target: SshTarget, sharing: Sharing): string[] {
  return [
    ...commonOptions(target),
    ...option("LogLevel=ERROR"),
    ...option("ClearAllForwardings=yes"),
    ...sharingOptions(sharing),
    "--",
    hostOf(target),
    ...remoteCommand,
  ];
}

/** A TCP connection made by the host, over this process's input and output. */
export function dialArguments(target: SshTarget, sharing: Sharing, address: string, port: number): string[] {
  const destination = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  if (sharing.role === "none") {
    return [
      ...commonOptions(target),
      ...option("LogLevel=ERROR"),
      ...sharingOptions(sharing),
      "-W",
      destination,
      "--",
      hostOf(target),
    ];
  }
  // At this level ssh says on its standard error when the host has connected: see `connectedLine`.
  return [...onlyThrough(sharing.socket), ...option("LogLevel=DEBUG1"), "-W", destination, "--", hostOf(target)];
}

/** What a shared connection's client prints once the host has connected (OpenSSH, mux.c). */
export const connectedLine = /master session id: \d+/;

/** Asks the shared connection for a port on the host's loopback that leads to one on ours; 0 lets the host choose. */
export function forwardArguments(target: SshTarget, socket: string, remotePort: number, port: number): string[] {
  return [
    ...onlyThrough(socket),
    ...option("LogLevel=ERROR"),
    "-O",
    "forward",
    "-R",
    `127.0.0.1:${remotePort}:127.0.0.1:${port}`,
    "--",
    hostOf(target),
  ];
}

/** The same with a connection of its own, which ends with its standard input. The port is printed on standard error. */
export function plainForwardArguments(target: SshTarget, port: number): string[] {
  return [
    ...commonOptions(target),
    ...option("LogLevel=INFO"),
    ...option("ExitOnForwardFailure=yes"),
    ...sharingOptions({ role: "none" }),
    "-R",
    `127.0.0.1:0:127.0.0.1:${port}`,
    "--",
    hostOf(target),
    ...remoteCommand,
  ];
}

/** Prints the configuration that is in force for a host, its real name with it. */
export function configurationArguments(target: SshTarget): string[] {
  return ["-G", ...commonOptions(target), "--", hostOf(target)];
}

/** What a person types to connect once by hand. */
export function commandForPeople(target: SshTarget): string {
  return [
    "ssh",
    ...(target.configFile === undefined ? [] : ["-F", target.configFile]),
    ...(target.port === undefined ? [] : ["-p", String(target.port)]),
    target.user === undefined ? target.host : `${target.user}@${target.host}`,
  ].join(" ");
}

/** Through the shared connection or not at all: without a configuration a fresh one might reach another host. */
function onlyThrough(socket: string): string[] {
  return ["-F", "none", "-S", socket, ...option("ProxyCommand=false")];
}

function sharingOptions(sharing: Sharing): string[] {
  if (sharing.role === "none") return [...option("ControlMaster=no"), ...option("ControlPath=none")];
  return [
    ...option(`ControlMaster=${sharing.role === "master" ? "auto" : "no"}`),
    ...option(`ControlPath=${sharing.socket}`),
    ...option("ControlPersist=no"),
  ];
}

function option(setting: string): string[] {
  return ["-o", setting];
}

/** `--` ends the options, and still: what looks like one is no host. */
function hostOf(target: SshTarget): string {
  const hostile = [target.host, target.user ?? ""].some((text) => /^-|[\s\0]/.test(text)) || target.host === "";
  if (!hostile) return target.host;
  throw new EnvctlError({
    code: "host-address-invalid",
    exitCode: ExitCode.usage,
    what: `${JSON.stringify(target.host)} is no name of a host`,
  });
}
