import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Digest } from "../../../src/base/digest.ts";
import { type Tell, tellOnStderr, timed } from "../command.ts";
import { exclusively } from "../exclusive.ts";
import { cacheFolder, labNames } from "../names.ts";
import { debianRoot, ensureDebianRoot } from "./debian-root.ts";
import { ImageStore, type Layer } from "./image-store.ts";
import { type BaseImageName, type Recipe, recipes } from "./recipes.ts";

const storage = `${cacheFolder}/registry`;

interface Made {
  readonly version: string;
  readonly layers: readonly Layer[];
  readonly digest: Digest;
}

/**
 * Makes a base image unless it is in the cache, and gives it to the running lab's open registry, where engines find
 * it under its usual name. The first of them takes half a minute.
 */
export async function ensureBaseImage(name: BaseImageName, tell: Tell = tellOnStderr): Promise<void> {
  if (!(await made(name))) {
    await exclusively(`${cacheFolder}/images.lock`, async () => {
      if (await made(name)) return;
      const recipe: Recipe = recipes[name];
      if (recipe.base === "debian" && !(await made("debian"))) await make("debian", tell);
      await make(name, tell);
    });
  }
  const target = `${labNames().folder}/registries/open/storage`;
  if (existsSync(target)) await linkBaseImages(target);
}

/** Gives a registry's folder all base images of the cache. */
export async function linkBaseImages(target: string): Promise<void> {
  await new ImageStore(storage).copyTo(target);
}

async function make(name: BaseImageName, tell: Tell): Promise<void> {
  const recipe: Recipe = recipes[name];
  await timed(tell, `making base image ${recipe.repository}:${recipe.tags[0]}`, async () => {
    const folder = `${cacheFolder}/making-${randomUUID()}`;
    await mkdir(folder, { recursive: true });
    try {
      const store = new ImageStore(storage);
      const below = recipe.base === "debian" ? ((await made("debian"))?.layers ?? []) : [];
      if (recipe.base !== "nothing") await ensureDebianRoot();
      const own = await store.addLayer(await recipe.make(folder));
      const layers = [...below, own];
      const labels = { "org.opencontainers.image.description": `Made for a lab: ${recipe.contents}` };
      const digest = await store.addImage(recipe.repository, recipe.tags, layers, {
        ...recipe.behaviour,
        Labels: labels,
      });
      const record: Made = { version: recipe.version, layers, digest };
      await writeFile(recordFile(name), JSON.stringify(record));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

function recordFile(name: BaseImageName): string {
  return `${cacheFolder}/${name}.json`;
}

/** What the cache has of an image; undefined where it is missing or made of something else. */
async function made(name: BaseImageName): Promise<Made | undefined> {
  const text = await readFile(recordFile(name), "utf8").catch(() => undefined);
  if (text === undefined || (recipes[name].base !== "nothing" && !existsSync(debianRoot))) return undefined;
  const record = JSON.parse(text) as Made;
  return record.version === recipes[name].version ? record : undefined;
}
