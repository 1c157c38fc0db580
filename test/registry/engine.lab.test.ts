import { rm } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { silent } from "../../src/base/progress.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { imageArchive } from "../../src/registry/archive.ts";
import { copyImage } from "../../src/registry/copy.ts";
import { type EmbeddedRegistry, startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { describeImage } from "../../src/registry/image.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { temporaryFolder } from "./registries.ts";

const path = "registry-test/app";

describeLab("the embedded registry with a real engine", () => {
  let lab: Lab;
  let engine: Engine;
  let directory: string;
  let server: EmbeddedRegistry;
  let registry: Registry;
  const made: string[] = [];

  beforeAll(async () => {
    lab = await useLab();
    engine = await openEngine({ kind: "unix", path: lab.localSocket, name: "local" });
    directory = await temporaryFolder();
    server = await startEmbeddedRegistry({ directory, port: 0 });
    registry = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
  });

  afterAll(async () => {
    for (const image of made) await engine.removeImage(image);
    await engine.close();
    registry.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** An image of this test's own: an archive with one file, as `docker import` takes it. */
  async function importImage(reference: string): Promise<void> {
    const { stdout } = await execa("tar", ["-C", directory, "--exclude=*", "-c", "."], { encoding: "buffer" });
    const label = `LABEL org.example.made=${Date.now()}`;
    await execa("docker", ["import", "--change", label, "-", reference], { env: lab.env, input: Buffer.from(stdout) });
    made.push(reference);
  }

  it("takes a push, and gives the same digest back to a pull", async () => {
    const reference = `${server.host}/${path}:v1`;
    await importImage(reference);
    const before = await engine.image(reference);
    const digest = await engine.pushImage(reference, undefined, silent);
    expect((await registry.head(path, "v1"))?.digest).toBe(digest);
    const description = await describeImage(registry, path, digest);
    expect(Object.values(description?.configs ?? {})).toEqual([before?.id]);

    await copyImage({ source: { registry, path }, target: { registry, path: "registry-test/prod" }, digest });
    await engine.removeImage(reference);
    const pulled = `${server.host}/registry-test/prod@${digest}`;
    await engine.pullImage(pulled, undefined, silent);
    made.splice(0, 1, pulled);
    expect((await engine.image(pulled))?.id).toBe(before?.id);
  });

  it("gives an archive that an engine loads as the image with that configuration", async () => {
    const reference = `${server.host}/${path}:v2`;
    await importImage(reference);
    const digest = await engine.pushImage(reference, undefined, silent);
    const description = await describeImage(registry, path, digest);
    const [[platform, config] = ["", ""]] = Object.entries(description?.configs ?? {});
    await engine.removeImage(reference);
    made.pop();
    expect(await engine.image(config)).toBeUndefined();
    await engine.loadImage(await imageArchive(registry, path, digest, platform), silent);
    made.push(config);
    expect((await engine.image(config))?.id).toBe(config);
  });
});
