import { randomBytes } from "node:crypto";

/** WebSocket frames as a client has them (RFC 6455, 5.2). */
export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export const Opcode = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** A client's frames are masked (5.3). Payloads below 64 KiB. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 4);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (short ? payload.length : 126);
  if (!short) head.writeUInt16BE(payload.length, 2);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return Buffer.concat([head, mask, masked]);
}

/** Takes a server's bytes as they come, and gives back the frames that are whole. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Frame> {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const bytes = this.#pending;
      if (bytes.length < 2) return;
      const short = bytes.readUInt8(1) & 0x7f;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < start) return;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
      if (bytes.length < start + length) return;
      this.#pending = bytes.subarray(start + length);
      yield { opcode: bytes.readUInt8(0) & 0x0f, payload: bytes.subarray(start, start + length) };
    }
  }
}
