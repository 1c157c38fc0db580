import type { Digest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import { readContent, readDocument } from "./manifest-content.ts";
import type { Registry } from "./registry.ts";

interface Layer {
  readonly digest: Digest;
  readonly size: number;
  readonly instruction: string | undefined;
}

/** The layers of one platform's manifest, each with the instruction that made it. Undefined where there is no such image. */
export async function readLayers(
  registry: Registry,
  path: string,
  manifest: Digest,
  signal?: AbortSignal,
): Promise<readonly Layer[] | undefined> {
  const stored = await registry.manifest(path, manifest, signal);
  if (!stored) return undefined;
  const where = `${registry.host}/${path}@${manifest}`;
  const content = readContent(stored, where);
  if (content.kind !== "image") return undefined;
  const config = readDocument(await registry.readBlob(path, content.config.digest, signal), where);
  const instructions = instructionsIn(config.history);
  // image-spec, config.md: the entries of the history that are not empty are the layers, in their order.
  const known = instructions.length === content.layers.length;
  return content.layers.map(({ digest, size }, index) => ({
    digest,
    size,
    instruction: known ? instructions[index] : undefined,
  }));
}

function instructionsIn(history: unknown): string[] {
  const entries = Array.isArray(history) ? history.filter(isObject) : [];
  return entries
    .filter((entry) => entry.empty_layer !== true)
    .map(({ created_by: text }) => (typeof text === "string" ? readable(text) : ""));
}

/** The classic builder and BuildKit each dress up what stands in the Dockerfile. */
function readable(text: string): string {
  const bare = text.replace(/^\/bin\/sh -c #\(nop\)\s+/, "").replace(/\s+# buildkit$/, "");
  return bare
    .replace(/^(?:RUN )?\/bin\/sh -c /, "RUN ")
    .replace(/\s+/g, " ")
    .trim();
}
