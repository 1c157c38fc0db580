import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frames } from "../../src/engine/docker/frames.ts";
import { jsonLines } from "../../src/engine/docker/json-lines.ts";
import { framedLines } from "../../src/engine/docker/logs.ts";

function frame(stream: 1 | 2, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Cuts content at arbitrary places, as networks do. */
async function* inPieces(content: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const end of [...new Set(cuts.map((cut) => cut % (content.length + 1)))].sort((a, b) => a - b)) {
    yield content.subarray(start, end);
    start = end;
  }
  yield content.subarray(start);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const cuts = fc.array(fc.nat({ max: 5000 }), { maxLength: 20 });

describe("the multiplexed stream", () => {
  test("comes out as it went in, wherever chunks are cut", async () => {
    const pieces = fc.array(fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.string({ unit: "grapheme" })));
    await fc.assert(
      fc.asyncProperty(pieces, cuts, async (written, where) => {
        const content = Buffer.concat(written.map(([stream, text]) => frame(stream, text)));
        const read = await all(frames(inPieces(content, where)));
        const expected = written.filter(([, text]) => text !== "");
        expect(read.map(({ stream, payload }) => [stream, payload.toString()])).toEqual(
          expected.map(([stream, text]) => [stream === 1 ? "stdout" : "stderr", text]),
        );
      }),
    );
  });

  test("becomes whole lines of each stream, characters cut by frames included", async () => {
    const line = Buffer.from("größer\n");
    const content = Buffer.concat([
      frame(1, "one\ntw"),
      frame(2, "an error\n"),
      frame(1, "o\n"),
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 3]), line.subarray(0, 3)]),
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, line.length - 3]), line.subarray(3)]),
      frame(1, "no end"),
    ]);
    const lines = await all(framedLines(inPieces(content, [3, 11, 20]), false));
    expect(lines.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
      "stdout one",
      "stderr an error",
      "stdout two",
      "stdout größer",
      "stdout no end",
    ]);
  });

  test("has one timestamp a line, also where the engine cuts a long line and repeats it", async () => {
    const content = Buffer.concat([
      frame(1, "2026-01-01T00:00:00.000000001Z long "),
      frame(1, "2026-01-01T00:00:00.000000002Z line\n"),
      frame(1, "2026-01-01T00:00:00.000000003Z next\n"),
    ]);
    expect(await all(framedLines(inPieces(content, []), true))).toEqual([
      { stream: "stdout", text: "long line", timestamp: "2026-01-01T00:00:00.000000001Z" },
      { stream: "stdout", text: "next", timestamp: "2026-01-01T00:00:00.000000003Z" },
    ]);
  });
});

test("a stream of JSON messages is read whatever the cuts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(fc.string({ unit: "grapheme" }), fc.integer())),
      cuts,
      async (messages, where) => {
        const content = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(""));
        expect(await all(jsonLines(inPieces(content, where)))).toEqual(JSON.parse(JSON.stringify(messages)));
      },
    ),
  );
});
