import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { imageArchive } from "../../src/registry/archive.ts";
import { describeImage } from "../../src/registry/image.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import { configType, content, descriptor, layerType, manifest } from "./content.ts";
import { type Handler, startScripted } from "./scripted-server.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function serve(handler: Handler) {
  const server = await startScripted((request, response, time) => {
    request.resume();
    return handler(request, response, time);
  });
  toStop.push(server.stop);
  const clock = { now: () => new Date(), wait: async () => {} };
  const registry = openRegistry(server.host, { credentials: async () => undefined, variables: {}, clock });
  toStop.push(() => registry.close());
  return { server, registry };
}

async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe("a registry's answers", () => {
  it("that break off often still make a large blob whole", async () => {
    const large = content(randomBytes(9_000_000));
    const { registry, server } = await serve((request, response) => {
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const range = { "Content-Range": `bytes ${start}-${large.bytes.length - 1}/${large.bytes.length}` };
      response.writeHead(start > 0 ? 206 : 200, { "Content-Length": large.bytes.length - start, ...range });
      // Not all of it is read when the connection breaks: still more than a MiB each time.
      response.write(large.bytes.subarray(start, start + 1_500_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect((await read(await registry.blob("app", large.digest))).equals(large.bytes)).toBe(true);
    expect(server.asked.length).toBeGreaterThan(4);
  });

  it.each(["1000", -1, 1.5, 1e300, null, undefined])("with %j for the size of a layer are refused", async (size) => {
    const layer = { mediaType: layerType, digest: digestOf("layer"), size };
    const lying = manifest({ config: descriptor(content("{}"), configType), layers: [layer] });
    const { digest } = lying.descriptor;
    const { registry } = await serve(
      (_, response) => void response.writeHead(200, { "Content-Type": MediaType.ociManifest }).end(lying.bytes),
    );
    const invalid = { code: "manifest-invalid", exitCode: 5, message: expect.stringContaining(layer.digest) };
    await expect(describeImage(registry, "app", digest)).rejects.toMatchObject(invalid);
    await expect(imageArchive(registry, "app", digest, "linux/amd64")).rejects.toMatchObject(invalid);
  });

  it("with a layer of another length than the manifest says are an error for people", async () => {
    const config = content('{"os":"linux","architecture":"amd64"}');
    const layer = content("layer");
    const long = { ...descriptor(layer, layerType), size: layer.bytes.length + 1 };
    const lying = manifest({ config: descriptor(config, configType), layers: [long] });
    const { registry } = await serve(({ url }, response) => {
      const bytes = [lying.bytes, config.bytes, layer.bytes].find((one) => url?.endsWith(digestOf(one)));
      response.writeHead(200, { "Content-Type": MediaType.ociManifest }).end(bytes);
    });
    const archive = await imageArchive(registry, "app", lying.descriptor.digest, "linux/amd64");
    await expect(read(archive)).rejects.toMatchObject({ code: "digest-mismatch", exitCode: 6 });
  });

  it("from where an upload has moved to keep it there", async () => {
    const blob = content(Buffer.alloc(9_000_000, "x"));
    const storage = await startScripted((request, response) => {
      request.resume();
      request.on("end", () => {
        if (request.method === "PATCH") response.writeHead(202, { Location: "/part/2" }).end();
        else response.writeHead(201).end();
      });
    });
    toStop.push(storage.stop);
    const { registry, server } = await serve((request, response) => {
      const place = `http://${storage.host.replace("127.0.0.1", "localhost")}/part/1`;
      if (request.method === "POST") response.writeHead(202, { Location: place }).end();
      else response.writeHead(404).end();
    });
    await registry.uploadBlob("app", descriptor(blob, layerType), async () => Readable.from([blob.bytes]));
    expect(storage.asked).toEqual(["PATCH /part/1", `PUT /part/2?digest=${encodeURIComponent(blob.digest)}`]);
    expect(server.asked).toEqual(["POST /v2/app/blobs/uploads/"]);
  });

  it.each([
    '<?last=a>; title="a, b"; rel="next"',
    '</v2/app/tags/list?last=z>; rel="prev", <list?last=a>; Rel="Next last"',
    "<https://elsewhere.example/v2/app/tags/list?last=a>;rel=next",
  ])("with the link %s have a next page", async (link) => {
    const { registry } = await serve(({ url }, response) => {
      const more = url?.endsWith("last=a") === true;
      response.writeHead(200, more ? {} : { Link: link }).end(JSON.stringify({ tags: [more ? "b" : "a"] }));
    });
    expect(await registry.tags("app")).toEqual(["a", "b"]);
  });

  it.each([500, 501, "cut off"])("%s to an upload that is not wanted keep nothing from being sent", async (answer) => {
    const { registry, server } = await serve((request, response) => {
      if (request.method === "POST") response.writeHead(202, { Location: "/v2/app/blobs/uploads/1" }).end();
      else if (typeof answer === "number") response.writeHead(answer).end();
      else response.destroy();
    });
    expect(await registry.mountBlob("app", digestOf("x"), "other")).toBe(false);
    expect(server.asked).toHaveLength(2);
  });

  it("without a length of a manifest have it told by the manifest itself", async () => {
    const image = manifest({ config: descriptor(content("{}"), configType), layers: [] });
    const { digest } = image.descriptor;
    const { registry } = await serve(({ method }, response) => {
      response.writeHead(200, { "Content-Type": MediaType.ociManifest, "Docker-Content-Digest": digest });
      if (method === "HEAD") response.flushHeaders();
      response.end(method === "HEAD" ? undefined : image.bytes);
    });
    expect(await registry.head("app", "v1")).toMatchObject({ digest, size: image.bytes.length });
  });
});
