import type { IncomingMessage } from "node:http";
import { senseless } from "./errors.ts";
import type { Session } from "./session.ts";

/** More would be no list but a trap. */
const mostPages = 10_000;
/** Bytes. */
const largestPage = 16 * 1024 * 1024;

export interface Page {
  readonly response: IncomingMessage;
  readonly body: Buffer;
}

/** A list that the registry gives page by page (distribution-spec: `Link`, RFC 8288); other statuses end it too. */
export async function* pages(
  session: Session,
  path: string,
  first: string,
  otherStatuses: readonly number[],
  signal?: AbortSignal,
): AsyncGenerator<Page> {
  const seen = new Set<string>();
  let target: string | undefined = first;
  while (target !== undefined) {
    if (seen.has(target) || seen.size >= mostPages) throw senseless(`${session.host}/${path}`, "its list has no end");
    seen.add(target);
    const expect = [200, ...otherStatuses];
    const response = await session.call({ method: "GET", target, path, access: "pull", expect, signal });
    const body = await session.read(response, path, largestPage).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw session.broken(path, error);
    });
    yield { response, body };
    target = response.statusCode === 200 ? nextPage(response, target) : undefined;
  }
}

/** RFC 8288 §3: an address, and its parameters in any order. */
const link = /<([^>]*)>((?:\s*;\s*[^\s;,="]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]+))?)*)/g;
/** One link may be of several relations, whose names have no case. */
const isNext = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^\s;,]))/i;

function nextPage(response: IncomingMessage, target: string): string | undefined {
  const header = [response.headers.link].flat().join(", ");
  const found = [...header.matchAll(link)].find(([, , parameters = ""]) => isNext.test(parameters))?.[1];
  const from = new URL(target, "http://registry.invalid");
  if (found === undefined || !URL.canParse(found, from.href)) return undefined;
  // Always the registry itself, whatever host the link names.
  const url = new URL(found, from);
  return url.pathname + url.search;
}
