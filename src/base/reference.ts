import { type Digest, isDigest } from "./digest.ts";

/** A repository in a registry: `registry.example.com:5000` and `team/shop`. */
export interface Repository {
  /** Host with optional port. Docker Hub is `docker.io`. */
  readonly registry: string;
  /** Path, with `library/` for Docker Hub's official images. */
  readonly path: string;
}

export interface ImageReference extends Repository {
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const pathComponent = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const pathPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const registryPattern =
  /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::\d{1,5})?$/;

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** True where the name starts with a registry's host: `a.b/c`, `a:5000/c`, `localhost/c` (distribution reference grammar). */
function splitRegistry(name: string): readonly [string | undefined, string] {
  const slash = name.indexOf("/");
  if (slash < 0) return [undefined, name];
  const first = name.slice(0, slash);
  const isHost = first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase();
  return isHost ? [first, name.slice(slash + 1)] : [undefined, name];
}

/**
 * Reads a repository as people write it for their own image: without a registry host, `registry` is undefined
 * and the embedded registry is meant. Returns undefined if it is not a valid name.
 */
export function parseOwnRepository(text: string): { registry: string | undefined; path: string } | undefined {
  const [registry, path] = splitRegistry(text);
  if (registry !== undefined && !registryPattern.test(registry)) return undefined;
  if (!pathPattern.test(path) || path.length > 255) return undefined;
  return { registry, path };
}

/**
 * Reads an image reference with Docker Hub's short names: `postgres:16` is `docker.io/library/postgres:16`.
 * Returns undefined if it is not a valid reference.
 */
export function parseImageReference(text: string): ImageReference | undefined {
  let rest = text;
  let digest: Digest | undefined;
  let tag: string | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    const found = rest.slice(at + 1);
    if (!isDigest(found)) return undefined;
    digest = found;
    rest = rest.slice(0, at);
  }
  const colon = rest.lastIndexOf(":");
  if (colon > rest.lastIndexOf("/")) {
    tag = rest.slice(colon + 1);
    if (!tagPattern.test(tag)) return undefined;
    rest = rest.slice(0, colon);
  }
  const own = parseOwnRepository(rest);
  if (!own) return undefined;
  const registry = own.registry === undefined || own.registry === "index.docker.io" ? "docker.io" : own.registry;
  const path = registry === "docker.io" && !own.path.includes("/") ? `library/${own.path}` : own.path;
  return { registry, path, tag, digest };
}

export function formatRepository(repository: Repository): string {
  return `${repository.registry}/${repository.path}`;
}

/** `registry/path@digest`: the only form in which envctl ever runs an image. */
export function pinned(repository: Repository, digest: Digest): string {
  return `${formatRepository(repository)}@${digest}`;
}
