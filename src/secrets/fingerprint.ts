import type { Buffer } from "node:buffer";
import { createHmac, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";

/**
 * Tells equal values from different ones without telling the values: eight digits by a key that is made anew each time and
 * kept nowhere, so that nobody can try values out on what was printed.
 */
export function passingFingerprint(): (value: string) => string {
  const key = randomBytes(32);
  return (value) => createHmac("sha256", key).update(value).digest("hex").slice(0, 8);
}

/** Work for each guess: about 50 ms and 16 MiB (RFC 7914). */
const cost = { N: 16_384, r: 8, p: 1 };

/**
 * The same for what is compared later and elsewhere: by a salt that is kept beside it. Slow on purpose, so that trying values
 * out takes long; of short passwords it keeps nobody away who has the file.
 */
export async function lastingFingerprint(value: string, salt: string): Promise<string> {
  const bytes = await promisify<string, string, number, object, Buffer>(scrypt)(value, salt, 8, cost);
  return bytes.toString("hex");
}
