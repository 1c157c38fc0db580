import { join, relative } from "node:path";
import { fixedPart, parsePathPattern } from "../base/path-pattern.ts";
import type { DevDocument, SyncRuleDocument } from "./document.ts";
import type { DevSettings, ImageDefinition, PortBinding, SyncRule } from "./model.ts";
import type { Path } from "./problems.ts";
import { type Reading, readCommand, readEnv, readPorts } from "./read-values.ts";

/** Where the LiveReload protocol has its server, so that firewalls and habits know it. */
const reloadPort = 35_729;

/** What `envctl dev` is told; without a section, all of it is read from the Dockerfile, and nothing runs differently. */
export function readDev(
  reading: Reading,
  path: Path,
  document: DevDocument = {},
  image: Pick<ImageDefinition, "context">,
): DevSettings {
  const { reload } = document;
  return {
    sync: document.sync ?? "infer",
    rules: (document.rules ?? []).flatMap((rule, index) => readRule(reading, [...path, "rules", index], rule, image)),
    command: readCommand(reading, [...path, "command"], document.command),
    entrypoint: readCommand(reading, [...path, "entrypoint"], document.entrypoint),
    env: readEnv(reading, [...path, "env"], document.env),
    ports: readPorts(reading, [...path, "ports"], document.ports).map(onLoopback),
    reload: reload === undefined || reload === false ? undefined : { port: reload === true ? reloadPort : reload },
  };
}

/** Whoever reaches a debugger's port runs code: unlike the app's ports, these are not open to the network by default. */
function onLoopback(port: PortBinding): PortBinding {
  return { ...port, address: port.address ?? "127.0.0.1" };
}

function readRule(
  reading: Reading,
  path: Path,
  document: SyncRuleDocument,
  image: Pick<ImageDefinition, "context">,
): SyncRule[] {
  const { action, target } = document;
  const run = readCommand(reading, [...path, "run"], document.run);
  const sound = [
    checkPath(reading, [...path, "path"], document.path, image),
    checkTarget(reading, [...path, "target"], action, target),
  ];
  if (document.run !== undefined && !action.startsWith("sync")) {
    reading.problems.keyError(
      [...path, "run"],
      `\`run\` needs an action that syncs: with \`${action}\` nothing is run`,
      "use `action: sync` or `action: sync+restart`",
    );
    sound.push(false);
  }
  if (sound.includes(false)) return [];
  return [{ path: document.path, target, action, run, position: reading.problems.position(path) }];
}

function checkPath(reading: Reading, path: Path, text: string, image: Pick<ImageDefinition, "context">): boolean {
  const wrong = (message: string, hint: string) => {
    reading.problems.error(path, message, hint);
    return false;
  };
  if (text.startsWith("!")) {
    return wrong(
      "a rule has no exceptions",
      "write a rule of its own for it, above this one: the first that matches counts",
    );
  }
  if (text.startsWith("/"))
    return wrong(`"${text}" is absolute`, "paths are relative to the folder of the environment file");
  const pattern = parsePathPattern(text);
  if (!pattern) return wrong(`"${text}" is no pattern`, "close every [ with a ], and put something behind every \\");
  const fixed = join(reading.directory, fixedPart(pattern));
  if (isInside(fixed, image.context) || isInside(image.context, fixed)) return true;
  return wrong(`"${text}" is outside of the build context`, `only what is in ${image.context} is built and synced`);
}

function checkTarget(
  reading: Reading,
  path: Path,
  action: SyncRuleDocument["action"],
  target: string | undefined,
): boolean {
  if (target === undefined) return true;
  const wrong = (message: string, hint: string) => {
    reading.problems.error(path, message, hint);
    return false;
  };
  if (!action.startsWith("sync")) {
    return wrong(`\`target\` needs an action that syncs: \`${action}\` puts nothing anywhere`, "take it away");
  }
  if (!target.startsWith("/") || target.includes("\0")) {
    const hint = target.startsWith(".") ? "where does it stand in the container?" : `did you mean \`/${target}\`?`;
    return wrong(`"${target}" is no absolute path`, hint);
  }
  if (target.split("/").includes("..")) return wrong(`"${target}" has \`..\` in it`, "write the path it leads to");
  return true;
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith("../");
}
