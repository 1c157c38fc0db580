import type { Access, Site } from "./proxy.ts";

/**
 * Caddy 2.6 can add no field of its own to an access log line, but a line has the user's id, and a `map` handler may
 * name one that is read once the request is done. No login is Caddy's here, so the field is free. Unlike a response
 * header it is never seen by clients, and the app cannot set it.
 *
 * The latency is there only if an upstream answered; the error, which ends the text, is for people.
 */
export function logsAccessOf(site: Pick<Site, "id">): object {
  const upstream = "{http.reverse_proxy.upstream.hostport}";
  const latency = "{http.reverse_proxy.upstream.latency_ms}";
  return {
    handler: "map",
    destinations: ["{http.auth.user.id}"],
    defaults: [`envctl ${encodeURIComponent(site.id)} ${upstream} ${latency} {http.error.message}`],
  };
}

/** Keeps requests out of the access log: the variable's name in 2.6, and the one it has since 2.8. */
export const logsNoAccess: object = { handler: "vars", skip_log: true, log_skip: true };

/** Everything else on stderr, where nobody takes it for access. */
export const accessLogging: object = {
  logs: {
    default: { writer: { output: "stderr" }, level: "WARN", exclude: ["http.log.access"] },
    access: {
      writer: { output: "stdout" },
      include: ["http.log.access"],
      encoder: {
        format: "filter",
        wrap: { format: "json" },
        fields: Object.fromEntries(
          ["request>headers", "request>tls", "resp_headers"].map((field) => [field, { filter: "delete" }]),
        ),
      },
    },
  },
};

const marker = /^envctl ([^ ]+) ([^ ]*) ([^ ]*) /;

/** Reads one line of Caddy's output. */
export function readCaddyAccess(line: string): Access | undefined {
  if (!line.startsWith("{")) return undefined;
  const entry = parsed(line);
  if (entry === undefined || entry.msg !== "handled request") return undefined;
  if (typeof entry.logger !== "string" || !entry.logger.startsWith("http.log.access")) return undefined;
  if (typeof entry.user_id !== "string" || !isAmount(entry.status) || !isAmount(entry.duration)) return undefined;
  const [, site = "", address = "", latency = ""] = marker.exec(entry.user_id) ?? [];
  const id = decoded(site);
  if (id === undefined || id === "") return undefined;
  const asked = /^(.+):\d+$/.exec(address)?.[1];
  const upstream = latency === "" ? undefined : asked;
  // 2.6 knows no status of a connection that it handed over to the app, as for WebSockets.
  const status = entry.status === 0 && upstream !== undefined ? 101 : entry.status;
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  const tried = upstream === undefined && asked !== undefined ? { tried: asked } : {};
  return { site: id, upstream, ...tried, status, duration: entry.duration * 1000, ...requestOf(entry.request) };
}

function requestOf(value: unknown): Pick<Access, "request"> {
  if (typeof value !== "object" || value === null) return {};
  const { method, host, uri } = value as Readonly<Record<string, unknown>>;
  if (typeof method !== "string" || typeof host !== "string" || typeof uri !== "string") return {};
  return { request: `${method} ${host}${uri}` };
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
