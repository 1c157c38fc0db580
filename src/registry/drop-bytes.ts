import { Readable } from "node:stream";

/** The stream without its first bytes. */
export function dropBytes(content: Readable, count: number): Readable {
  async function* rest() {
    let left = count;
    for await (const chunk of content) {
      const bytes = chunk as Buffer;
      if (bytes.length > left) yield bytes.subarray(left);
      left = Math.max(0, left - bytes.length);
    }
  }
  return Readable.from(rest());
}
