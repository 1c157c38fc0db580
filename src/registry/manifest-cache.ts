import { createHash } from "node:crypto";
import { join } from "node:path";
import { ManifestPack } from "./manifest-pack.ts";

/** Manifests that commands on this machine have read before, in a folder of the user's own. */
export class ManifestCache {
  readonly #folder: string;
  readonly #packs = new Map<string, ManifestPack>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Those of one name, which are read together. */
  pack(name: string): ManifestPack {
    const known = this.#packs.get(name);
    if (known) return known;
    const pack = new ManifestPack(join(this.#folder, createHash("sha256").update(name).digest("hex").slice(0, 32)));
    this.#packs.set(name, pack);
    return pack;
  }
}
