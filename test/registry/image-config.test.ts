import { afterEach, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { readImageConfig } from "../../src/registry/image-config.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import { configType, content, descriptor, manifest } from "./content.ts";
import { startScripted } from "./scripted-server.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

it("an image's configuration is read for the platform that is asked for, or for the first there is", async () => {
  const platforms = ["unknown", "amd64", "arm64"].map((architecture) => {
    const os = architecture === "unknown" ? "unknown" : "linux";
    const config = content(JSON.stringify({ os, architecture, config: { OnBuild: [`RUN echo ${architecture}`] } }));
    const image = manifest({ config: descriptor(config, configType), layers: [] });
    return { config, image, entry: { ...image.descriptor, platform: { os, architecture } } };
  });
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: platforms.map(({ entry }) => entry) }));
  const stored = [index, ...platforms.flatMap(({ config, image }) => [config.bytes, image.bytes])];
  const server = await startScripted(({ url }, response) => {
    const bytes = url?.endsWith("/manifests/1") ? index : stored.find((one) => url?.endsWith(digestOf(one)));
    const type = bytes === index ? MediaType.ociIndex : MediaType.ociManifest;
    response.writeHead(bytes ? 200 : 404, { "Content-Type": type }).end(bytes);
  });
  toStop.push(server.stop);
  const registry = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
  toStop.push(() => registry.close());
  const triggers = async (platform: string) => (await readImageConfig(registry, "app", "1", platform))?.OnBuild;
  expect(await triggers("linux/arm64")).toEqual(["RUN echo arm64"]);
  expect(await triggers("linux/s390x")).toEqual(["RUN echo amd64"]);
  expect(await readImageConfig(registry, "app", "2", "linux/amd64")).toBeUndefined();
});
