import type { Digest } from "../base/digest.ts";
import type { Progress } from "../base/progress.ts";
import { parseImageReference } from "../base/reference.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage, StageProxy } from "../environment/model.ts";
import { type StagePlan, stepsOf } from "../plan/plan.ts";
import { proxyDriver } from "../proxy/drivers.ts";
import type { ProxyDriverName } from "../proxy/proxy.ts";
import { bringService } from "../rollout/image.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type ForeignImage, pinImages } from "./pins.ts";

/** The images of the proxies that are to be made, pinned. Empty where all proxies are there already. */
export type ProxyImages = ReadonlyMap<string, ForeignImage & { readonly digest: Digest }>;

/** Asks no registry for the image of a proxy that is there: a rollback must not depend on one. */
export async function pinProxyImages(workspace: Workspace, stage: Stage, plan: StagePlan): Promise<ProxyImages> {
  const made = plan.hosts.some((host) => stepsOf(host).some((step) => step.kind === "proxy"));
  if (!stage.proxy || !made) return new Map();
  return await pinProxyImage(workspace, stage, stage.proxy);
}

/** The image that the stage's file names for its proxies, pinned: anew where it names another than it did. */
export async function pinProxyImage(workspace: Workspace, stage: Stage, proxy: StageProxy): Promise<ProxyImages> {
  const { name, image: standard } = await proxyDriver(proxy.driver);
  const imageText = proxy.imageText ?? standard;
  const image = parseImageReference(imageText);
  if (!image) throw new RangeError(`${imageText} is no image reference`);
  const pins = await pinImages(workspace, stage, "proxies", [{ name, image, imageText }], true);
  const digest = pins[name];
  return new Map(digest === undefined ? [] : [[name, { name, image, imageText, digest }]]);
}

/** Brings a proxy's image to a host, by its digest, and returns the reference to create containers with. */
export async function bringProxyImage(
  engine: Engine,
  images: ProxyImages,
  driver: ProxyDriverName,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const found = images.get(driver);
  if (!found) throw new RangeError(`no image was pinned for ${driver}`);
  return await bringService(engine, found.image, found.digest, progress, signal);
}
