import { Buffer } from "node:buffer";
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** A key whose signatures count for an environment. */
export interface PublicKey {
  /** Whose it is: the name of its file, without the ending. */
  readonly name: string;
  /** OpenSSH fingerprint: `SHA256:…`, as `ssh-keygen -l` shows it. */
  readonly id: string;
  readonly key: KeyObject;
  /** What its line says after the key: often an e-mail address. */
  readonly comment: string;
}

const algorithm = "ssh-ed25519";

/** Beside the environment file: keys are part of what a team agrees on, and belong in its repository. */
export function keyFolder(directory: string): string {
  return join(directory, ".envctl", "keys");
}

/** All keys of an environment, by name. Throws `key-invalid` (exit 2) for a file that is no public key. */
export async function readPublicKeys(directory: string): Promise<readonly PublicKey[]> {
  const folder = keyFolder(directory);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith(".pub")).sort();
  return await Promise.all(
    files.map(async (file) => {
      const path = join(folder, file);
      const key = parsePublicKey(file.slice(0, -".pub".length), await readFile(path, "utf8"));
      if (!key) throw invalid(path);
      return key;
    }),
  );
}

/** One line as OpenSSH writes it (`ssh-ed25519 AAAA… comment`, RFC 8709); undefined where it is none. */
export function parsePublicKey(name: string, text: string): PublicKey | undefined {
  const [kind, encoded, ...comment] = text.trim().split(/\s+/);
  if (kind !== algorithm || encoded === undefined) return undefined;
  const blob = Buffer.from(encoded, "base64");
  const raw = rawKey(blob);
  if (!raw) return undefined;
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") } });
  return { name, id: fingerprintOf(blob), key, comment: comment.join(" ") };
}

/** The line for a `.pub` file. */
export function formatPublicKey(key: KeyObject, comment: string): string {
  return `${algorithm} ${publicBlob(key).toString("base64")} ${comment}\n`;
}

/** As OpenSSH names a key. */
export function keyIdOf(key: KeyObject): string {
  return fingerprintOf(publicBlob(key));
}

/** The key as it goes over the wire (RFC 4253 §6.6, RFC 8709 §4). */
export function publicBlob(key: KeyObject): Buffer {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) throw new TypeError("not an Ed25519 key");
  return Buffer.concat([wireString(Buffer.from(algorithm)), wireString(Buffer.from(x, "base64url"))]);
}

/** RFC 4251 §5: a string, with its length before it. */
export function wireString(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function rawKey(blob: Buffer): Buffer | undefined {
  const head = wireString(Buffer.from(algorithm));
  const isOne = blob.length === head.length + 4 + 32 && blob.subarray(0, head.length).equals(head);
  return isOne && blob.readUInt32BE(head.length) === 32 ? blob.subarray(head.length + 4) : undefined;
}

function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

function invalid(path: string): EnvctlError {
  return new EnvctlError({
    code: "key-invalid",
    exitCode: ExitCode.usage,
    what: "this is no public key of the kind that envctl uses",
    where: path,
    state: "nothing was touched",
    next: "it is one line, as in ~/.ssh/id_ed25519.pub: ssh-ed25519 AAAA… name; envctl keys init makes one",
  });
}
