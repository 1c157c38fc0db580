import { readSyncedMarker } from "../dev/synced-marker.ts";
import type { Engine, Labels, ObservedContainer, ObservedImage, ObservedNamed } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import { isDevContainer } from "../plan/dev-container.ts";
import { nameRivals } from "../plan/name-rivals.ts";
import { type ObservedHost, type RunningHost, roleOf } from "../plan/observed.ts";
import type { Release } from "../release/release.ts";
import { findRelease } from "./image.ts";
import { observeProxies, observeServingProxies } from "./observe-proxies.ts";

/** Labels of everything that belongs to one stage of one environment. */
export function stageLabels(environment: string, stage: string): Record<string, string> {
  return { [Label.environment]: environment, [Label.stage]: stage };
}

/** Reads one stage on one host: all requests at once, none of them a write. */
export async function observeHost(
  engine: Engine,
  place: { readonly environment: string; readonly stage: string },
  release: Release | undefined,
  signal?: AbortSignal,
): Promise<ObservedHost> {
  const labels = stageLabels(place.environment, place.stage);
  const [containers, networks, volumes, proxies] = await Promise.all([
    engine.containers(labels, signal),
    // Everybody's: an engine hands out what is there under a name, whoever made it.
    engine.networks({}, signal),
    engine.volumes({}, signal),
    observeProxies(engine, place, signal),
  ]);
  const [images, synced] = await Promise.all([
    imagesOf(engine, containers, signal),
    syncedFiles(engine, containers, signal),
  ]);
  return {
    name: engine.name,
    containers,
    images,
    presentImage: release && (presentIn(images, release) ?? (await findRelease(engine, release, signal))),
    unhealthy: new Set(),
    synced,
    networks: namesOf(networks, labels),
    volumes: namesOf(volumes, labels),
    rivals: nameRivals(place, [...networks, ...volumes]),
    proxies,
  };
}

function namesOf(found: readonly ObservedNamed[], labels: Labels): string[] {
  const own = found.filter((named) => Object.entries(labels).every(([name, value]) => named.labels[name] === value));
  return own.map(({ name }) => name);
}

/** Reads what of a stage runs on one host, and whom its clients reach. */
export async function observeRunning(
  engine: Engine,
  place: { readonly environment: string; readonly stage: string },
  signal?: AbortSignal,
): Promise<RunningHost> {
  const [containers, proxies] = await Promise.all([
    engine.containers(stageLabels(place.environment, place.stage), signal, { running: true }),
    observeServingProxies(engine, place, signal),
  ]);
  const [images, synced] = await Promise.all([
    imagesOf(engine, containers, signal),
    syncedFiles(engine, containers, signal),
  ]);
  return { containers, proxies, images, synced };
}

/** Only containers of `envctl dev` are asked: elsewhere nothing is ever synced. */
async function syncedFiles(engine: Engine, containers: readonly ObservedContainer[], signal?: AbortSignal) {
  const markers = await Promise.all(
    containers.filter(isDevContainer).map(async ({ id }) => [id, await readSyncedMarker(engine, id, signal)] as const),
  );
  return new Map(markers.flatMap(([id, marker]) => (marker ? [[id, marker] as const] : [])));
}

async function imagesOf(engine: Engine, containers: readonly ObservedContainer[], signal?: AbortSignal) {
  // A stage's own proxy has its labels, and no plan asks what is in its image.
  const own = containers.filter((container) => roleOf(container) !== "proxy");
  const ids = new Set(own.map((container) => container.imageId));
  const images = await Promise.all([...ids].map((id) => engine.image(id, signal)));
  return new Map(
    images.filter((image): image is ObservedImage => image !== undefined).map((image) => [image.id, image]),
  );
}

function presentIn(images: ReadonlyMap<string, ObservedImage>, release: Release): string | undefined {
  for (const image of images.values()) {
    const reference = image.repoDigests.find((candidate) => candidate.endsWith(`@${release.digest}`));
    if (reference !== undefined) return reference;
  }
  return undefined;
}
