import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { createTarPacker } from "modern-tar";
import type { AgentData } from "./agent.ts";
import { withLongNames } from "./archive.ts";

const block = 1 << 20;
const tarBlock = 512;

/**
 * A tar of one file, read while it is sent. Its size is promised first: should the file shrink meanwhile, zeros fill it up,
 * and what it has grown is left off. `onSent` is told the hash of what was sent. Closes the file.
 */
export function largeFile(
  file: FileHandle,
  header: {
    readonly name: string;
    readonly mode: number;
    readonly size: number;
    readonly uid: number;
    readonly gid: number;
  },
  onSent: (hash: string) => void,
): AgentData {
  const entries = withLongNames({ ...header, type: "file", mtime: new Date() });
  const padded = (size: number) => Math.ceil(size / tarBlock) * tarBlock;
  const length = entries.reduce((sum, { header: { size } }) => sum + tarBlock + padded(size), 2 * tarBlock);
  const count = Math.ceil(length / block);
  return { block, count, chunks: chunks(file, entries, count * block - length, onSent) };
}

async function* chunks(
  file: FileHandle,
  entries: ReturnType<typeof withLongNames>,
  padding: number,
  onSent: (hash: string) => void,
): AsyncGenerator<Uint8Array> {
  const { readable, controller } = createTarPacker();
  const filling = fill(file, entries, controller, onSent);
  // Awaited below, once what it writes was taken.
  filling.catch((error: unknown) => controller.error(error));
  for await (const chunk of readable) yield chunk;
  await filling;
  yield new Uint8Array(padding);
}

async function fill(
  file: FileHandle,
  entries: ReturnType<typeof withLongNames>,
  controller: ReturnType<typeof createTarPacker>["controller"],
  onSent: (hash: string) => void,
): Promise<void> {
  const hash = createHash("sha256");
  try {
    for (const { header, body } of entries) {
      const writer = controller.add(header).getWriter();
      if (body instanceof Uint8Array) await writer.write(body);
      else {
        for (let left = header.size; left > 0; ) {
          const buffer = new Uint8Array(Math.min(left, block));
          const { bytesRead } = await file.read(buffer, 0, buffer.length);
          const chunk = bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead);
          hash.update(chunk);
          await writer.write(chunk);
          left -= chunk.length;
        }
      }
      await writer.close();
    }
    controller.finalize();
    onSent(hash.digest("hex"));
  } finally {
    await file.close();
  }
}
