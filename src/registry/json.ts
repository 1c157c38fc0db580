import { senseless } from "./errors.ts";

/** What a registry sent as JSON: foreign data. Throws `registry-refused` (exit 5) for what is none. */
export function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw senseless(where, "it is not JSON");
  }
}
