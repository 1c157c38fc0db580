import { parseImageReference } from "../base/reference.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { pinImages } from "../promotion/pins.ts";
import { bringService } from "../rollout/image.ts";
import type { Workspace } from "../rollout/workspace.ts";

const name = "busybox";
const imageText = "busybox:stable";

/** Brings the image whose /bin/busybox stands in for the tools an image lacks, pinned in `envctl.lock`, to an engine. */
export async function bringBusybox(workspace: Workspace, stage: Stage, engine: Engine): Promise<string> {
  const image = parseImageReference(imageText);
  if (!image) throw new RangeError(`${imageText} is no image reference`);
  const digest = (await pinImages(workspace, stage, "tools", [{ name, image, imageText }], true))[name];
  if (digest === undefined) throw new RangeError(`no digest was pinned for ${imageText}`);
  return await workspace.progress.step(`bring ${imageText}`, (at) =>
    bringService(engine, image, digest, at, workspace.signal),
  );
}
