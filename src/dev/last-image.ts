import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory } from "../base/cache-directory.ts";
import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError } from "../base/errors.ts";
import type { LocalEntry } from "../build/tree.ts";
import { devStage } from "../environment/dev-stage.ts";
import type { Stage } from "../environment/model.ts";
import { deploy } from "../promotion/deploy.ts";
import { loadRelease } from "../promotion/releases.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { observeImage } from "./observe-image.ts";
import type { RunningImage } from "./running-image.ts";

interface Remembered {
  readonly version: 1;
  readonly digest: Digest;
  readonly inputs: readonly string[];
  readonly tree: readonly (readonly [string, LocalEntry])[];
}

type Place = Pick<Workspace, "environment" | "variables">;

/** Writes down of which files what serves was made, so that the next `envctl dev` need not build to know. */
export async function rememberImage(place: Place, stage: Stage, image: RunningImage): Promise<void> {
  const file = fileOf(place, stage);
  const { release, inputs, tree } = image;
  const remembered: Remembered = { version: 1, digest: release.digest, inputs, tree: [...tree] };
  const temporary = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(remembered), { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    // A read-only home or a full disk: the next start builds, and knows then.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/**
 * What serves, if it is what was brought there last by `envctl dev` and nothing but files would change: then what differs
 * by now can be synced. Undefined where that is not certain.
 */
export async function recallImage(workspace: Workspace, stage: Stage): Promise<RunningImage | undefined> {
  const remembered = await read(fileOf(workspace, stage));
  if (!remembered) return undefined;
  try {
    const repository = await workspace.connections.repository(stage.repository);
    const release = await loadRelease(repository, remembered.digest, workspace.signal);
    const wanted = devStage(workspace.environment, stage);
    const { changed } = await deploy({
      ...{ workspace, stage: wanted, release, repository, kind: "up", from: undefined },
      ...{ dryRun: true, signer: undefined },
    });
    if (changed) return undefined;
    const observed = await observeImage(workspace, stage, release.digest);
    return { release, tree: new Map(remembered.tree), inputs: remembered.inputs, observed };
  } catch (error) {
    workspace.signal.throwIfAborted();
    // Whatever is the matter, the deployment that follows meets it, and tells.
    if (error instanceof EnvctlError) return undefined;
    throw error;
  }
}

function fileOf({ environment, variables }: Place, stage: Stage): string {
  const name = createHash("sha256").update(`${environment.file}\0${stage.name}`).digest("hex").slice(0, 32);
  return join(cacheDirectory(variables), `dev-${name}.json`);
}

async function read(file: string): Promise<Remembered | undefined> {
  try {
    const value = JSON.parse(await readFile(file, "utf8")) as Remembered;
    const whole = value.version === 1 && isDigest(value.digest) && Array.isArray(value.tree);
    return whole && Array.isArray(value.inputs) ? value : undefined;
  } catch {
    // Not there yet, or damaged.
    return undefined;
  }
}
