import { Buffer } from "node:buffer";
import { verify } from "node:crypto";
import { isObject, parseJson } from "../base/json.ts";
import type { PublicKey } from "./public-key.ts";

/** Of the statements that are signed: in-toto's (in-toto attestation framework, spec v1). */
export const statementType = "application/vnd.in-toto+json";

/** DSSE envelope, v1.0.2: a payload with signatures over it and its type. */
export interface Envelope {
  readonly payload: Buffer;
  readonly signatures: readonly Signature[];
}

interface Signature {
  /** OpenSSH fingerprint of the key; a hint, and no proof of anything. */
  readonly keyid: string;
  readonly sig: Buffer;
}

/** Who can sign with one key, wherever its private part is. */
export interface Signer {
  readonly keyId: string;
  /** Ed25519 (RFC 8032) over the bytes themselves: 64 bytes. */
  sign(data: Uint8Array): Promise<Buffer>;
}

/** What is signed (DSSE §PAE): type and payload with their lengths, so that neither can pass for the other. */
export function preAuthenticationEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The envelope's text. Without a signer it has no signatures, and proves nothing. */
export async function sealStatement(statement: object, signer: Signer | undefined): Promise<Buffer> {
  const payload = Buffer.from(JSON.stringify(statement));
  const signatures = signer
    ? [{ keyid: signer.keyId, sig: base64(await signer.sign(preAuthenticationEncoding(statementType, payload))) }]
    : [];
  return Buffer.from(JSON.stringify({ payload: base64(payload), payloadType: statementType, signatures }));
}

/** Reads an envelope of a statement: foreign data. Undefined where it is none. */
export function readEnvelope(text: string): Envelope | undefined {
  const value = parseJson(text);
  if (!isObject(value) || value.payloadType !== statementType || typeof value.payload !== "string") return undefined;
  if (!Array.isArray(value.signatures)) return undefined;
  const signatures = value.signatures.map((entry: unknown) =>
    isObject(entry) && typeof entry.sig === "string"
      ? { keyid: typeof entry.keyid === "string" ? entry.keyid : "", sig: Buffer.from(entry.sig, "base64") }
      : undefined,
  );
  if (signatures.includes(undefined)) return undefined;
  return {
    payload: Buffer.from(value.payload, "base64"),
    signatures: signatures.filter((signature) => signature !== undefined),
  };
}

/** The first of the keys that signed it. All are tried: the key's id in the envelope is what whoever wrote it says. */
export function signedBy(envelope: Envelope, keys: readonly PublicKey[]): PublicKey | undefined {
  const data = preAuthenticationEncoding(statementType, envelope.payload);
  return keys.find(({ key }) => envelope.signatures.some(({ sig }) => verify(null, data, key, sig)));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
