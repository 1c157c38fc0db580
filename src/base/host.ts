/** How an engine is reached. `name` is what the environment file says, and what people are shown. */
export type HostAddress =
  | { readonly kind: "local"; readonly name: string }
  | { readonly kind: "unix"; readonly name: string; readonly path: string }
  | {
      readonly kind: "ssh";
      readonly name: string;
      readonly host: string;
      readonly user?: string;
      readonly port?: number;
    }
  | {
      readonly kind: "tcp";
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsFiles;
    }
  | { readonly kind: "context"; readonly name: string; readonly context: string };

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const hostName = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9._-]*\$?$/;
const contextName = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;

/**
 * Reads `local`, `unix:///path`, `ssh://[user@]host[:port]`, `tcp://host:port`, `context://name`.
 * Returns undefined for anything else: a host that starts with `-` would become an option of ssh.
 */
export function parseHostAddress(text: string): HostAddress | undefined {
  if (text === "local") return { kind: "local", name: text };
  const match = /^(unix|ssh|tcp|context):\/\/(.+)$/s.exec(text);
  if (!match) return undefined;
  const rest = match[2] ?? "";
  switch (match[1]) {
    case "unix":
      return rest.startsWith("/") && !rest.includes("\0") ? { kind: "unix", name: text, path: rest } : undefined;
    case "context":
      return contextName.test(rest) ? { kind: "context", name: text, context: rest } : undefined;
    case "ssh": {
      const at = rest.lastIndexOf("@");
      const user = at >= 0 ? rest.slice(0, at) : undefined;
      const address = parseAuthority(rest.slice(at + 1).replace(/\/$/, ""));
      if (!address || (user !== undefined && !userName.test(user))) return undefined;
      return {
        kind: "ssh",
        name: text,
        host: address.host,
        ...(user === undefined ? {} : { user }),
        ...(address.port === undefined ? {} : { port: address.port }),
      };
    }
    case "tcp": {
      const address = parseAuthority(rest.replace(/\/$/, ""));
      if (!address) return undefined;
      return { kind: "tcp", name: text, host: address.host, port: address.port ?? 2376 };
    }
    default:
      return undefined;
  }
}

function parseAuthority(text: string): { host: string; port: number | undefined } | undefined {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? "";
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (!hostName.test(host) || (port !== undefined && (port < 1 || port > 65_535))) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port };
}

/**
 * What two addresses of one machine have in common, as far as that can be told without asking anybody: the name without user
 * and port, or that it is this machine. Undefined where only who reads the user's configuration could know.
 */
export function machineOf(name: string): string | undefined {
  const address = parseHostAddress(name);
  switch (address?.kind) {
    case "ssh":
    case "tcp":
      return address.host.toLowerCase();
    case "local":
    case "unix":
      return "local";
    default:
      return undefined;
  }
}
