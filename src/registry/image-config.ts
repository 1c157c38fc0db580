import { isObject } from "../base/json.ts";
import { platformName, readContent, readDocument } from "./manifest-content.ts";
import type { Registry } from "./registry.ts";

/**
 * The `config` of an image's configuration (image-spec, config.md), for this platform, or for the first where the image has
 * none for it. Undefined where there is no such image.
 */
export async function readImageConfig(
  registry: Registry,
  path: string,
  reference: string,
  platform: string,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const where = `${registry.host}/${path}`;
  const manifest = await registry.manifest(path, reference, signal);
  if (!manifest) return undefined;
  const content = readContent(manifest, where);
  if (content.kind === "index") {
    const runs = content.children.filter((child) => !child.platform || platformName(child.platform) !== undefined);
    const child = runs.find((one) => platformName(one.platform) === platform) ?? runs[0];
    // An index in an index has no platform of its own to choose by: none is made of another.
    return child ? await readImageConfig(registry, path, child.digest, platform, signal) : undefined;
  }
  const document = readDocument(await registry.readBlob(path, content.config.digest, signal), where);
  return isObject(document.config) ? document.config : {};
}
