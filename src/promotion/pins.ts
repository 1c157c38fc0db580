import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify, YAMLParseError } from "yaml";
import { type Digest, isDigest, shortDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { formatRepository, type ImageReference } from "../base/reference.ts";
import type { Stage } from "../environment/model.ts";
import { credentialsFor } from "../registry/credentials.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** One image in `envctl.lock`: as written in the environment file, and the digest it had then. */
interface Pin {
  readonly image: string;
  readonly digest: Digest;
}

const lockFile = "envctl.lock";

/** Where the digests of an environment are written down. */
export function lockFileOf(directory: string): string {
  return join(directory, lockFile);
}

const heading =
  "# Digests of images from elsewhere, so that every stage runs the very image the first one ran.\n" +
  "# Written by envctl; commit it. To take a newer image under the same tag, delete its entry.\n";

/** An image that the environment uses and does not build. */
export interface ForeignImage {
  readonly name: string;
  readonly image: ImageReference;
  /** As written in the environment file. */
  readonly imageText: string;
}

/** The digests of the stage's services. */
export async function pinServices(workspace: Workspace, stage: Stage, write: boolean): Promise<Record<string, Digest>> {
  return await pinImages(workspace, stage, "services", stage.services, write);
}

/**
 * The digest of each image: from the lock file, or, for one that is new or has another tag there, asked of the registry
 * through the stage's first host and written down (`write` false: only asked).
 */
export async function pinImages(
  workspace: Workspace,
  stage: Stage,
  section: Section,
  images: readonly ForeignImage[],
  write: boolean,
): Promise<Record<string, Digest>> {
  if (images.length === 0) return {};
  const document = await readLockFile(workspace.environment.directory);
  const pins = document[section];
  const fresh: Record<string, Pin> = {};
  for (const image of images) {
    if (pins[image.name]?.image === image.imageText) continue;
    fresh[image.name] = { image: image.imageText, digest: await resolve(workspace, stage, image) };
  }
  const all = { ...pins, ...fresh };
  if (write && Object.keys(fresh).length > 0) {
    await writePins(lockFileOf(workspace.environment.directory), { ...document, [section]: all });
  }
  return Object.fromEntries(
    images.flatMap(({ name }) => {
      const pin = all[name];
      return pin ? [[name, pin.digest]] : [];
    }),
  );
}

async function resolve(workspace: Workspace, stage: Stage, { image, imageText }: ForeignImage): Promise<Digest> {
  if (image.digest) return image.digest;
  const host = stage.hosts[0];
  if (!host) throw new RangeError(`stage ${stage.name} has no host`);
  const engine = await workspace.connections.engine(host, workspace.signal);
  return await workspace.progress.step(`pin ${imageText}`, async (progress) => {
    const found = await credentialsFor(image.registry, workspace.variables);
    const credentials = found && { username: found.username, password: found.password, registry: image.registry };
    const reference = `${formatRepository(image)}:${image.tag ?? "latest"}`;
    const digest = await engine.resolveDigest(reference, credentials, workspace.signal);
    progress.note(shortDigest(digest));
    return digest;
  });
}

/** The digests in the lock file, by service. */
export async function readPins(directory: string): Promise<Record<string, Digest>> {
  const { services } = await readLockFile(directory);
  return Object.fromEntries(Object.entries(services).map(([name, pin]) => [name, pin.digest]));
}

const sections = ["services", "proxies", "tools"] as const;
type Section = (typeof sections)[number];
type LockDocument = Readonly<Record<Section, Readonly<Record<string, Pin>>>>;

async function readLockFile(directory: string): Promise<LockDocument> {
  const path = lockFileOf(directory);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return { services: {}, proxies: {}, tools: {} };
    throw error;
  }
  const document = parseLockFile(path, text);
  if (!isObject(document) || !sections.some((section) => isObject(document[section]))) {
    throw invalid(path, "it has no `services`");
  }
  return {
    services: readSection(path, "service", document.services),
    proxies: readSection(path, "proxy", document.proxies),
    tools: readSection(path, "tool", document.tools),
  };
}

/** It is committed, and so it comes to be merged: what git leaves of a conflict is no YAML. */
function parseLockFile(path: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const place = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
    const [why = ""] = messageOf(error).split("\n");
    throw invalid(place ? `${path}:${place.line}:${place.col}` : path, why.replace(/ at line \d+, column \d+:?$/, ""));
  }
}

function readSection(path: string, kind: string, section: unknown): Record<string, Pin> {
  const pins: Record<string, Pin> = {};
  for (const [name, value] of Object.entries(isObject(section) ? section : {})) {
    const { image, digest } = isObject(value) ? value : {};
    if (typeof image !== "string" || typeof digest !== "string" || !isDigest(digest)) {
      throw invalid(path, `the entry of ${kind} ${name} has no image and digest`);
    }
    pins[name] = { image, digest };
  }
  return pins;
}

async function writePins(path: string, document: LockDocument): Promise<void> {
  const filled = sections.filter((section) => Object.keys(document[section]).length > 0);
  const sorted = (pins: Readonly<Record<string, Pin>>) =>
    Object.fromEntries(Object.entries(pins).sort(([left], [right]) => (left < right ? -1 : 1)));
  const content = Object.fromEntries(filled.map((section) => [section, sorted(document[section])]));
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, heading + stringify(content));
  await rename(temporary, path);
}

function invalid(path: string, why: string): EnvctlError {
  return new EnvctlError({
    code: "lock-file-invalid",
    exitCode: ExitCode.usage,
    what: `${lockFile} cannot be read: ${why}`,
    where: path,
    state: "nothing was touched",
    next: "mend it, or delete it to have the services pinned anew",
  });
}
