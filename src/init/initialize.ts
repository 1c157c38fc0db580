import { lstatSync, readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Detection, Health, Kind } from "./detection.ts";
import { packageRoot } from "./package-root.ts";
import { publishedPorts, type StageHosts } from "./stage-hosts.ts";
import { fillIn } from "./template.ts";

/** A file that `init` writes, or leaves as it is. */
export interface InitFile {
  readonly name: string;
  readonly content: string;
  /** It is there already, and stays. */
  readonly kept: boolean;
}

export interface InitRequest {
  readonly directory: string;
  readonly name: string;
  readonly detection: Detection;
  readonly hosts: StageHosts;
  /** Writes over what is there. */
  readonly force: boolean;
}

/** Whose pages nginx serves, and so need its configuration. */
const servedByNginx: ReadonlySet<Kind> = new Set(["static", "node-static"]);

/** What `init` would write for what was found, with the templates filled in. */
export function filesFor({ directory, name, detection, hosts, force }: InitRequest): readonly InitFile[] {
  const { kind, port } = detection;
  const published = publishedPorts(port, hosts);
  const own = Object.entries(detection.values).map(([key, value]) => [key, value.replaceAll("{{port}}", `${port}`)]);
  const values: Record<string, string> = {
    ...Object.fromEntries(own),
    name: yamlText(name),
    port: String(port),
    ...healthValues(detection.health),
    dev_port: String(published.dev),
    ...stageValues("test", hosts.test, "ssh://deploy@test.example.com", published.test),
    ...stageValues("prod", hosts.prod, "ssh://deploy@prod.example.com", published.prod),
  };
  const fill = (...path: string[]) => fillIn(readFileSync(join(packageRoot(), "templates", ...path), "utf8"), values);
  const file = (fileName: string, content: string): InitFile => ({
    name: fileName,
    content,
    kept: !force && isThere(join(directory, fileName)),
  });
  const environment = file("envctl.yaml", fill("envctl.yaml"));
  if (kind === "dockerfile") return [environment, file(".dockerignore", fill("dockerignore"))];
  return [
    environment,
    file("Dockerfile", fill(kind, "Dockerfile")),
    file(".dockerignore", fill("dockerignore") + fill(kind, "dockerignore")),
    ...(servedByNginx.has(kind) ? [file("nginx.conf", fill("nginx.conf"))] : []),
  ];
}

function healthValues(health: Health): Record<string, string> {
  if (health === "image") return { health: "", health_port: "", health_image: "yes" };
  if (health === "port") return { health: "", health_port: "yes", health_image: "" };
  return { health: `{ path: ${yamlText(health.path)} }`, health_port: "", health_image: "" };
}

function stageValues(stage: string, hosts: readonly string[], example: string, port: number): Record<string, string> {
  const shown = hosts.length === 0 ? `["${example}"]` : JSON.stringify(hosts).replaceAll('","', '", "');
  return {
    [`${stage}_off`]: hosts.length === 0 ? "# " : "",
    [`${stage}_hosts`]: shown,
    [`${stage}_port`]: String(port),
  };
}

/** Quoted where YAML, or a person who reads it, would take the word for something else than text. */
function yamlText(text: string): string {
  return /^(?:null|true|false|y|yes|n|no|on|off)$/.test(text) ? JSON.stringify(text) : text;
}

/** Links that lead nowhere are there too: to write through one would make a file somewhere else. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Writes what is not there yet. Throws `already-there` (exit 2) if that is nothing, `not-written` (exit 1) where the
 * folder does not let it; what was written until then is taken back, unless it was written over something.
 */
export async function writeFiles({ directory, force }: InitRequest, files: readonly InitFile[]): Promise<void> {
  const fresh = files.filter((file) => !file.kept);
  if (fresh.length === 0) {
    throw new EnvctlError({
      code: "already-there",
      exitCode: ExitCode.usage,
      what: `${files.map((file) => file.name).join(", ")} are all there already`,
      where: directory,
      state: "nothing was written",
      next: "envctl validate checks them; envctl init --force writes them anew",
    });
  }
  const made: string[] = [];
  for (const file of fresh) {
    const path = join(directory, file.name);
    try {
      if (force) await replace(path, file.content);
      // `wx`: what came to be there since it was looked for stays.
      else await writeFile(path, file.content, { flag: "wx" });
      made.push(path);
    } catch (error) {
      if (!force) for (const written of made) await rm(written, { force: true });
      throw notWritten(path, error, force ? made.length : 0);
    }
  }
}

/** In one step, and never through a link. */
async function replace(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await writeFile(temporary, content, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export function notWritten(path: string, cause: unknown, written: number): EnvctlError {
  return new EnvctlError({
    code: "not-written",
    exitCode: ExitCode.failed,
    what: `the file could not be written: ${messageOf(cause)}`,
    where: path,
    state: written === 0 ? "nothing was written" : `the ${written} before it were written`,
    next: "look at the folder's permissions and space, then try again",
    cause,
  });
}
