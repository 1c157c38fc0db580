/** One piece of a container's output. Frames need not end at the end of a line. */
export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly payload: Buffer;
}

const headerSize = 8;

/**
 * Takes apart the multiplexed stream of containers without a terminal, however the chunks cut it.
 * Engine API, ContainerAttach "Stream format": one byte of stream type (0 stdin, 1 stdout, 2 stderr, 3 an error of
 * the engine), three zeros, four bytes of size, big endian, then the payload.
 */
export async function* frames(stream: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let buffered: Buffer[] = [];
  let size = 0;
  let needed = headerSize;
  for await (const chunk of stream) {
    buffered.push(chunk);
    size += chunk.length;
    if (size < needed) continue;
    let rest: Buffer = buffered.length === 1 ? chunk : Buffer.concat(buffered, size);
    for (;;) {
      if (rest.length < headerSize) {
        needed = headerSize;
        break;
      }
      const end = headerSize + rest.readUInt32BE(4);
      if (rest.length < end) {
        needed = end;
        break;
      }
      if (end > headerSize) {
        yield { stream: rest[0] === 2 || rest[0] === 3 ? "stderr" : "stdout", payload: rest.subarray(headerSize, end) };
      }
      rest = rest.subarray(end);
    }
    buffered = rest.length > 0 ? [rest] : [];
    size = rest.length;
  }
}
