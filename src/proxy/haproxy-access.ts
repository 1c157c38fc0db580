import { asName, fromName } from "./haproxy-text.ts";
import type { Access, Site } from "./proxy.ts";

/** Section that answers for a site; `sends` only sends browsers to HTTPS; `succeeds` is for what old workers hand over. */
export function sectionOf(site: Pick<Site, "id">, kind: "serves" | "sends" | "succeeds"): string {
  return `${kind}:${asName(site.id)}`;
}

/** Name of a server, by its place: one host may be there twice, by two ports. */
export function serverName(host: string, index: number): string {
  return `${index}:${asName(host)}`;
}

/** Name of the server by which an old worker hands requests over; one of the app's begins with a digit. */
export const successorName = "successor";

/**
 * Of all that a line could tell there is nothing that a client could have written: the section, the server, the
 * status, and the milliseconds of the whole exchange and until the server's answer (-1 if there was none). Under load
 * a line may be missing: HAProxy keeps no request waiting for its log.
 */
export const accessFormat = "envctl %b %s %ST %Ta %Tr";

const line = /^envctl (?:serves|sends):(\S+) (?:\d+:(\S+)|successor|<NOSRV>) (\d{3}) (\d+) (-?\d+)$/;

/** Reads one line of HAProxy's output. */
export function readHaproxyAccess(text: string): Access | undefined {
  const [, id = "", host = "", status = "", duration = "", answered = ""] = line.exec(text) ?? [];
  const site = fromName(id);
  const code = Number(status);
  if (site === undefined || code < 100 || code > 599) return undefined;
  const asked = fromName(host);
  const upstream = answered.startsWith("-") ? undefined : asked;
  const tried = upstream === undefined && asked !== undefined ? { tried: asked } : {};
  return { site, upstream, ...tried, status: code, duration: Number(duration) };
}
