import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { StageRecord } from "../../src/promotion/record.ts";
import { loadRelease } from "../../src/promotion/releases.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { imageLabels } from "../../src/release/labels.ts";
import type { Release } from "../../src/release/release.ts";
import { configType, content, descriptor, imageManifest } from "../registry/content.ts";

/** An image without layers, pushed as `envctl build` leaves a release of shop. */
export async function pushRelease(registry: Registry, path: string, name: string): Promise<Release> {
  const fingerprint = createHash("sha256").update(name).digest("hex");
  const built = { commit: undefined, dirty: false, commitTime: undefined, source: undefined };
  const labels = imageLabels({ environment: "shop", release: name, fingerprint, ...built });
  const image = { os: "linux", architecture: "amd64", created: "2026-01-01T00:00:00Z", config: { Labels: labels } };
  const config = content(JSON.stringify(image));
  const upload = async (offset: number) => Readable.from([config.bytes.subarray(offset)]);
  await registry.uploadBlob(path, descriptor(config, configType), upload);
  const manifest = imageManifest(config, []);
  await registry.putManifest(path, `fp-${fingerprint}`, manifest);
  return await loadRelease({ registry, path, serveEmbedded: undefined, cache: undefined }, manifest.descriptor.digest);
}

/** What a stage's history has of a change that brought a release there. */
export function changeOf(stage: string, release: Release | undefined, more: Partial<StageRecord> = {}): StageRecord {
  return {
    ...{ version: 1, kind: "up", outcome: "succeeded", environment: "shop", stage, release, from: undefined },
    ...{ hosts: ["a"], services: {}, by: "alice@laptop", at: "2026-01-01T00:00:00.000Z", reason: undefined },
    ...more,
  };
}
