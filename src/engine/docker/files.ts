import { posix } from "node:path";
import { packTar, type TarEntry, unpackTar } from "modern-tar";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { ContainerFile } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { ContainerInspect } from "./api-types.ts";

const { dirname, isAbsolute, join, normalize, relative } = posix;

/** Bytes of a file that are read at most. */
const largestFile = 16 * 1024 * 1024;

/** Bytes of a folder that are read at most, as a tar. */
const largestFolder = 64 * 1024 * 1024;

const root = { uid: 0, gid: 0 };

/** A tar's header and end, and what long names add. */
const tarOverhead = 16 * 1024;

/** Writes files into a container that runs or does not: one archive for its own file system, and one for each mount. */
export async function writeContainerFiles(
  api: ApiClient,
  container: string,
  files: readonly ContainerFile[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { path } of files) checkPath(path, api.where);
  if (files.length === 0) return;
  const doing = `writing ${files.length === 1 ? files[0]?.path : `${files.length} files`} into container ${container}`;
  const path = `/containers/${encodeURIComponent(container)}`;
  const { body } = await api.call<ContainerInspect>({ method: "GET", path: `${path}/json`, doing, signal });
  const mounts = (body.Mounts ?? []).map(({ Destination }) => Destination);
  for (const [folder, entries] of archives(files, mounts)) {
    await api.call({
      method: "PUT",
      path: `${path}/archive`,
      query: { path: folder },
      headers: { "Content-Type": "application/x-tar" },
      body: await packTar(entries),
      doing,
      signal,
    });
  }
}

/**
 * By the mount they lie on: Podman has none of a container's mounts below `/` while it does not run. Folders are no
 * entries: engines make those that are missing, and would give the modes of an entry to those that are there.
 */
function archives(files: readonly ContainerFile[], mounts: readonly string[]): Map<string, TarEntry[]> {
  const deepestFirst = mounts.toSorted((left, right) => right.length - left.length);
  const result = new Map<string, TarEntry[]>();
  for (const { path, content, mode = 0o644, owner = root } of files) {
    const folder = deepestFirst.find((mount) => path.startsWith(`${mount}/`)) ?? "/";
    const body = typeof content === "string" ? Buffer.from(content) : content;
    const header = { name: relative(folder, path), size: body.length, mode, ...owner, type: "file" as const };
    result.set(folder, [...(result.get(folder) ?? []), { header, body }]);
  }
  return result;
}

/** Undefined where there is no such container or file. */
export async function readContainerFile(
  api: ApiClient,
  container: string,
  path: string,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const [first] = (await readArchive(api, { container, path, limit: largestFile + tarOverhead, signal })) ?? [];
  return first?.header.type === "file" ? first.data : undefined;
}

/** By absolute path; undefined where there is no such container or path. */
export async function readContainerFiles(
  api: ApiClient,
  container: string,
  path: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  const entries = await readArchive(api, { container, path, limit: largestFolder, signal });
  const files = entries?.filter(({ header }) => header.type === "file");
  return (
    files && new Map(files.map(({ header, data }) => [join(dirname(path), header.name), data ?? new Uint8Array()]))
  );
}

interface Archive {
  readonly container: string;
  readonly path: string;
  /** Bytes. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

async function readArchive(api: ApiClient, { container, path, limit, signal }: Archive) {
  checkPath(path, api.where);
  const answer = await api.call<Buffer>({
    method: "GET",
    path: `/containers/${encodeURIComponent(container)}/archive`,
    query: { path },
    doing: `reading ${path} in container ${container}`,
    accept: [404],
    bytes: limit,
    signal,
  });
  return answer.status === 404 ? undefined : await unpackTar(answer.body);
}

function checkPath(path: string, where: string): void {
  if (isAbsolute(path) && normalize(path) === path && !path.endsWith("/") && !path.includes("\0")) return;
  throw new EnvctlError({
    code: "path-invalid",
    exitCode: ExitCode.usage,
    what: `${JSON.stringify(path)} is no absolute path of a file in a container`,
    where,
  });
}
