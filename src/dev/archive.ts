import { packTar, type TarEntry, type TarHeader } from "modern-tar";

/** Longest name in a header: older busybox reads no other form of longer ones than GNU's. */
const longestName = 100;

/** One thing to be unpacked. */
export type Packed = {
  /** Relative, with slashes. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
} & (
  | { readonly kind: "file"; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "symlink"; readonly target: string }
);

/** A tar that GNU tar, busybox and toybox all read, whatever the names. */
export async function pack(entries: readonly Packed[]): Promise<Uint8Array> {
  return await packTar(entries.flatMap(tarEntries));
}

function tarEntries(packed: Packed): readonly TarEntry[] {
  const { uid, gid } = packed;
  const base = { name: packed.name, uid, gid, mtime: new Date() };
  switch (packed.kind) {
    case "file":
      return withLongNames(
        { ...base, type: "file", mode: packed.mode, size: packed.content.length },
        packed.content.length === 0 ? undefined : packed.content,
      );
    case "directory":
      return withLongNames({ ...base, name: `${packed.name}/`, type: "directory", mode: packed.mode, size: 0 });
    case "symlink":
      return withLongNames({ ...base, type: "symlink", mode: 0o777, size: 0, linkname: packed.target });
  }
}

/** A header, preceded by what does not fit into it. */
export function withLongNames(header: TarHeader, body?: Uint8Array): readonly TarEntry[] {
  const result: TarEntry[] = [];
  let short = header;
  if (header.linkname !== undefined && Buffer.byteLength(header.linkname) > longestName) {
    result.push(longName("gnu-long-link-name", header.linkname));
    short = { ...short, linkname: "long" };
  }
  if (Buffer.byteLength(header.name) > longestName) {
    result.push(longName("gnu-long-name", header.name));
    short = { ...short, name: header.type === "directory" ? "long/" : "long" };
  }
  return [...result, { header: short, ...(body === undefined ? {} : { body }) }];
}

function longName(type: "gnu-long-name" | "gnu-long-link-name", name: string): TarEntry {
  const body = Buffer.from(`${name}\0`);
  return { header: { name: "././@LongLink", type, size: body.length, mode: 0, mtime: new Date(0) }, body };
}
