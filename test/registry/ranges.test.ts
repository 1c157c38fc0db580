import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRegistry } from "../../src/registry/open.ts";
import { content, descriptor, layerType } from "./content.ts";
import { send } from "./raw-http.ts";
import { type RunningRegistry, startRegistry } from "./registries.ts";

const blob = content(randomBytes(500));
const size = blob.bytes.length;

/** What RFC 9110 §14 wants for a range, told in another way than the registry does it. */
function expected(first: number | undefined, last: number | undefined): { start: number; bytes: Buffer } | undefined {
  const places = [...blob.bytes.keys()].filter((place) =>
    first === undefined ? place >= size - (last ?? 0) : place >= first && place <= (last ?? size),
  );
  const [start] = places;
  return start === undefined ? undefined : { start, bytes: Buffer.from(places.map((place) => blob.bytes[place] ?? 0)) };
}

describe("ranges of a blob", () => {
  let registry: RunningRegistry;
  beforeAll(async () => {
    registry = await startRegistry("embedded");
    const client = openRegistry(registry.host, { credentials: async () => undefined, variables: {} });
    await client.uploadBlob("app", descriptor(blob, layerType), async () => Readable.from([blob.bytes]));
    client.close();
  });
  afterAll(async () => {
    await registry.stop();
  });

  const ask = (range: string) =>
    send(registry.host, "GET", `/v2/app/blobs/${blob.digest}`, { headers: { Range: range } });

  it("are what was asked for, or 416", async () => {
    const place = fc.option(fc.oneof(fc.nat({ max: size + 10 }), fc.maxSafeNat()), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(place, place, async (first, last) => {
        fc.pre(first !== undefined || last !== undefined);
        const answer = await ask(`bytes=${first ?? ""}-${last ?? ""}`);
        const wanted = expected(first, last);
        expect(answer.status).toBe(wanted ? 206 : 416);
        if (!wanted) return;
        const { start, bytes } = wanted;
        expect(answer.body.equals(bytes)).toBe(true);
        expect(answer.headers["content-range"]).toBe(`bytes ${start}-${start + bytes.length - 1}/${size}`);
      }),
      { numRuns: 200 },
    );
  });

  it("that are none are passed over", async () => {
    const characters = fc.constantFrom(..."bytes=-0123456789, ;x");
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: characters, maxLength: 30 }), async (text) => {
        fc.pre(text.trim() !== "" && !/^bytes=\d*-\d*$/.test(text.trim()));
        const answer = await ask(text);
        expect(answer.status).toBe(200);
        expect(answer.body.equals(blob.bytes)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
