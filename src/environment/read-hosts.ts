import { resolve } from "node:path";
import { type HostAddress, parseHostAddress } from "../base/host.ts";
import type { HostDocument, StageDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import type { Reading } from "./read-values.ts";

const hint = "write local, ssh://user@host, tcp://host:2376, unix:///path or context://name";

export function readHosts(reading: Reading, path: Path, value: StageDocument["hosts"]): HostAddress[] {
  if (value === undefined) return [{ kind: "local", name: "local" }];
  const single = !isList(value);
  const names = new Set<string>();
  return (single ? [value] : value).flatMap((document, index): HostAddress[] => {
    const at = single ? path : [...path, index];
    const host = readHost(reading, at, document);
    if (!host) return [];
    if (names.has(host.name)) reading.problems.error(at, `the host ${host.name} is there twice`);
    names.add(host.name);
    return [host];
  });
}

function readHost(reading: Reading, path: Path, document: HostDocument): HostAddress | undefined {
  const text = typeof document === "string" ? document : document.address;
  const at = typeof document === "string" ? path : [...path, "address"];
  const host = parseHostAddress(text);
  if (!host) {
    const meant = /^[A-Za-z0-9._@-]+$/.test(text) && !text.startsWith("-") ? `did you mean \`ssh://${text}\`? ` : "";
    reading.problems.error(at, `"${text}" is no address of a host`, meant + hint);
    return undefined;
  }
  const tls = typeof document === "string" ? undefined : document.tls;
  if (!tls) return host;
  if (host.kind !== "tcp") {
    reading.problems.error([...path, "tls"], "only tcp:// addresses have TLS files");
    return host;
  }
  const files = Object.entries(tls).map(([name, file]) => [name, resolve(reading.directory, file)]);
  return { ...host, tls: Object.fromEntries(files) };
}

function isList(value: NonNullable<StageDocument["hosts"]>): value is readonly HostDocument[] {
  return Array.isArray(value);
}
