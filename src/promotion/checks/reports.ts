import { readdir, readFile, stat } from "node:fs/promises";
import { join, posix, relative, resolve, sep } from "node:path";
import { fixedPart, matchesPath, type PathPattern, parsePathPattern } from "../../base/path-pattern.ts";
import type { Engine } from "../../engine/engine.ts";
import { JunitError, type Report } from "./junit.ts";

/** Bytes of all reports of a check together. */
const reportLimit = 64 * 1024 * 1024;

/** Reads the reports that a command left in its container, which has ended. Paths are relative to its working directory. */
export async function reportsInContainer(
  engine: Engine,
  container: string,
  pattern: string,
  signal: AbortSignal,
): Promise<Report[]> {
  const [found, base] = await workdirOf(engine, container, signal);
  if (!found) return [];
  const absolute = posix.isAbsolute(pattern) ? posix.normalize(pattern) : posix.join(base, pattern);
  const parsed = compiled(absolute);
  const folder = `/${fixedPart(parsed)}`;
  if (folder === "/")
    throw new JunitError(`${pattern} has no folder before its wildcard: the whole image would be read`);
  const files = (await engine.readFiles(container, folder, signal)) ?? new Map<string, Uint8Array>();
  return [...files]
    .filter(([path]) => matchesPath(parsed, path.slice(1)))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, content]) => ({ path, text: Buffer.from(content).toString("utf8") }));
}

async function workdirOf(engine: Engine, container: string, signal: AbortSignal): Promise<[boolean, string]> {
  const found = await engine.container(container, signal);
  const image = found && (await engine.image(found.imageId, signal));
  return [found !== undefined, image?.workdir || "/"];
}

/** By path: what tells whether a file was written since. */
export type Stamps = ReadonlyMap<string, string>;

/** The files on this machine that the pattern matches, as they are now. */
export async function stampsOf(directory: string, pattern: string): Promise<Stamps> {
  const parsed = compiled(inside(directory, pattern));
  const root = resolve("/");
  const start = join(root, fixedPart(parsed));
  const stamps = new Map<string, string>();
  for (const path of await filesBelow(start)) {
    if (!matchesPath(parsed, relative(root, path).split(sep).join("/"))) continue;
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found?.isFile()) stamps.set(path, [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" "));
  }
  return stamps;
}

/** The reports that were written since `before`: what lay there already tells of another run. */
export async function reportsOnDisk(directory: string, pattern: string, before: Stamps): Promise<Report[]> {
  const now = await stampsOf(directory, pattern);
  const written = [...now].filter(([path, stamp]) => before.get(path) !== stamp).map(([path]) => path);
  const reports: Report[] = [];
  let left = reportLimit;
  for (const path of written.sort()) {
    const text = await readFile(path, "utf8");
    left -= text.length;
    if (left < 0) throw new JunitError("the reports are larger than 64 MiB");
    reports.push({ path: relative(directory, path), text });
  }
  return reports;
}

function inside(directory: string, pattern: string): string {
  return resolve(directory, pattern).split(sep).join("/");
}

function compiled(pattern: string): PathPattern {
  const parsed = parsePathPattern(pattern);
  if (parsed) return parsed;
  throw new RangeError(`${pattern} was checked when the file was read`);
}

/** The file itself, or all files of a folder; none where there is nothing. */
async function filesBelow(start: string): Promise<string[]> {
  const found = await stat(start).catch(() => undefined);
  if (found?.isFile()) return [start];
  if (!found?.isDirectory()) return [];
  const entries = await readdir(start, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}
