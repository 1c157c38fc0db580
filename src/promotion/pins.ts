import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Digest, isDigest, shortDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { formatRepository } from "../base/reference.ts";
import type { Service, Stage } from "../environment/model.ts";
import { credentialsFor } from "../registry/credentials.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** One service in `envctl.lock`: the image as written in the environment file, and the digest it had then. */
interface Pin {
  readonly image: string;
  readonly digest: Digest;
}

const lockFile = "envctl.lock";
const heading =
  "# Digests of the services' images, so that every stage runs the very image the first one ran.\n" +
  "# Written by envctl; commit it. To take a newer image under the same tag, delete its entry.\n";

/**
 * The digest of each service's image: from the lock file, or, for a service that is new or has another tag there,
 * asked of the registry through the stage's first host and written down (`write` false: only asked).
 */
export async function pinServices(workspace: Workspace, stage: Stage, write: boolean): Promise<Record<string, Digest>> {
  if (stage.services.length === 0) return {};
  const pins = await readLockFile(workspace.environment.directory);
  const fresh: Record<string, Pin> = {};
  for (const service of stage.services) {
    if (pins[service.name]?.image === service.imageText) continue;
    fresh[service.name] = { image: service.imageText, digest: await resolve(workspace, stage, service) };
  }
  const all = { ...pins, ...fresh };
  if (write && Object.keys(fresh).length > 0) await writePins(join(workspace.environment.directory, lockFile), all);
  return Object.fromEntries(
    stage.services.flatMap((service) => {
      const pin = all[service.name];
      return pin ? [[service.name, pin.digest]] : [];
    }),
  );
}

async function resolve(workspace: Workspace, stage: Stage, service: Service): Promise<Digest> {
  if (service.image.digest) return service.image.digest;
  const host = stage.hosts[0];
  if (!host) throw new RangeError(`stage ${stage.name} has no host`);
  const engine = await workspace.connections.engine(host, workspace.signal);
  return await workspace.progress.step(`pin ${service.imageText}`, async (progress) => {
    const found = await credentialsFor(service.image.registry, workspace.variables);
    const credentials = found && {
      username: found.username,
      password: found.password,
      registry: service.image.registry,
    };
    const reference = `${formatRepository(service.image)}:${service.image.tag ?? "latest"}`;
    const digest = await engine.resolveDigest(reference, credentials, workspace.signal);
    progress.note(shortDigest(digest));
    return digest;
  });
}

/** The digests in the lock file, by service. */
export async function readPins(directory: string): Promise<Record<string, Digest>> {
  const pins = await readLockFile(directory);
  return Object.fromEntries(Object.entries(pins).map(([name, pin]) => [name, pin.digest]));
}

async function readLockFile(directory: string): Promise<Record<string, Pin>> {
  const path = join(directory, lockFile);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
  const document: unknown = parse(text, { maxAliasCount: 0 });
  const services = isObject(document) && isObject(document.services) ? document.services : undefined;
  if (!services) throw invalid(path, "it has no `services`");
  const pins: Record<string, Pin> = {};
  for (const [name, value] of Object.entries(services)) {
    const { image, digest } = isObject(value) ? value : {};
    if (typeof image !== "string" || typeof digest !== "string" || !isDigest(digest)) {
      throw invalid(path, `the entry of service ${name} has no image and digest`);
    }
    pins[name] = { image, digest };
  }
  return pins;
}

async function writePins(path: string, pins: Record<string, Pin>): Promise<void> {
  const services = Object.fromEntries(Object.entries(pins).sort(([left], [right]) => (left < right ? -1 : 1)));
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, heading + stringify({ services }));
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
