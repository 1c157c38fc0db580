import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../../base/errors.ts";
import type { TlsFiles } from "../../base/host.ts";
import { homeFolder } from "../../base/user.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Where a Docker context points. */
export interface DockerContext {
  /** `unix:///…`, `ssh://…`, `tcp://…`, `npipe://…`. */
  readonly host: string;
  readonly tls: TlsFiles | undefined;
}

/** Folder of the Docker CLI's configuration. */
export function dockerConfigDirectory(variables: Variables): string {
  return variables.DOCKER_CONFIG || join(homeFolder(variables), ".docker");
}

/** The context `docker context use` chose, or undefined for Docker's own default. */
export async function currentContext(variables: Variables): Promise<string | undefined> {
  if (variables.DOCKER_CONTEXT) return notDefault(variables.DOCKER_CONTEXT);
  const file = join(dockerConfigDirectory(variables), "config.json");
  if (!existsSync(file)) return undefined;
  const content = await readJson(file);
  return content instanceof Object && "currentContext" in content && typeof content.currentContext === "string"
    ? notDefault(content.currentContext)
    : undefined;
}

/** Reads a context as the Docker CLI stores it (docker/cli, cli/context/store). Throws `context-missing`. */
export async function readContext(name: string, variables: Variables): Promise<DockerContext> {
  const contexts = join(dockerConfigDirectory(variables), "contexts");
  const id = createHash("sha256").update(name).digest("hex");
  const file = join(contexts, "meta", id, "meta.json");
  if (!existsSync(file)) {
    throw new EnvctlError({
      code: "docker-context-missing",
      exitCode: ExitCode.usage,
      what: `there is no Docker context ${JSON.stringify(name)}`,
      where: join(contexts, "meta"),
      next: "docker context ls",
    });
  }
  const host = endpointHost(await readJson(file));
  if (host === undefined) {
    throw new EnvctlError({
      code: "docker-context-invalid",
      exitCode: ExitCode.usage,
      what: `Docker context ${JSON.stringify(name)} has no docker endpoint`,
      where: file,
      next: `docker context inspect ${name}`,
    });
  }
  const tls = tlsFilesIn(join(contexts, "tls", id, "docker"));
  return { host, tls };
}

/** `ca.pem`, `cert.pem` and `key.pem` of a folder, those that are there; undefined where there is none. */
export function tlsFilesIn(directory: string): TlsFiles | undefined {
  const present = (["ca", "cert", "key"] as const).filter((name) => existsSync(join(directory, `${name}.pem`)));
  if (present.length === 0) return undefined;
  return Object.fromEntries(present.map((name) => [name, join(directory, `${name}.pem`)]));
}

function notDefault(name: string): string | undefined {
  return name === "" || name === "default" ? undefined : name;
}

/** `{ Endpoints: { docker: { Host } } }` */
function endpointHost(content: unknown): string | undefined {
  let value = content;
  for (const key of ["Endpoints", "docker", "Host"]) {
    if (!(value instanceof Object)) return undefined;
    value = new Map<string, unknown>(Object.entries(value)).get(key);
  }
  return typeof value === "string" && value !== "" ? value : undefined;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new EnvctlError({
      code: "docker-config-invalid",
      exitCode: ExitCode.usage,
      what: `cannot read Docker's configuration: ${messageOf(error)}`,
      where: file,
      cause: error,
    });
  }
}
