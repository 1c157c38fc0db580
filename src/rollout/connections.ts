import { join } from "node:path";
import { cacheDirectory } from "../base/cache-directory.ts";
import type { HostAddress } from "../base/host.ts";
import { homeFolder } from "../base/user.ts";
import type { Engine } from "../engine/engine.ts";
import { openEngine } from "../engine/open.ts";
import { credentialsFor } from "../registry/credentials.ts";
import { LocalRegistry } from "../registry/embedded/local-registry.ts";
import type { EmbeddedRegistry } from "../registry/embedded/server.ts";
import { ManifestCache } from "../registry/manifest-cache.ts";
import { openRegistry } from "../registry/open.ts";
import type { Registry } from "../registry/registry.ts";
import { keepSitesIn } from "./known-sites.ts";

/** A repository that can be read and written from here. */
export interface OpenRepository {
  readonly registry: Registry;
  readonly path: string;
  /**
   * Serves the embedded registry to others, on this machine's loopback, and resolves with its port; undefined for a registry
   * of the user's own.
   */
  readonly serveEmbedded: (() => Promise<number>) | undefined;
  /** Manifests that this machine has read before; undefined where none are kept. */
  readonly cache?: ManifestCache | undefined;
}

export interface RepositoryName {
  readonly registry: string | undefined;
  readonly path: string;
}

/** Opens engines and registries once each, when first asked for, and closes them all at the end of the command. */
export class Connections {
  readonly #engines = new Map<string, Promise<Engine>>();
  readonly #registries = new Map<string, Registry>();
  readonly #cache: ManifestCache;
  readonly #closing = new AbortController();
  #embedded: LocalRegistry | undefined;
  #server: Promise<EmbeddedRegistry> | undefined;
  readonly #variables: Readonly<Record<string, string | undefined>>;
  /** True where ssh may ask a person for a passphrase. */
  readonly #interactive: boolean;
  /** True where much that is plain text goes over SSH. */
  readonly #compress: boolean;

  constructor(variables: Readonly<Record<string, string | undefined>>, interactive: boolean, compress = false) {
    this.#variables = variables;
    this.#interactive = interactive;
    this.#compress = compress;
    this.#cache = new ManifestCache(join(cacheDirectory(variables), "records"));
  }

  engine(address: HostAddress, signal?: AbortSignal): Promise<Engine> {
    const known = this.#engines.get(address.name);
    if (known) return known;
    const opening = openEngine(address, {
      variables: this.#variables,
      interactive: this.#interactive,
      compress: this.#compress,
      signal: AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]),
    });
    this.#engines.set(address.name, opening);
    opening.then(
      (engine) => keepSitesIn(engine, join(cacheDirectory(this.#variables), "sites")),
      () => {},
    );
    // A host that could not be reached may be tried again.
    opening.catch(() => this.#engines.delete(address.name));
    return opening;
  }

  async repository({ registry, path }: RepositoryName): Promise<OpenRepository> {
    const cache = this.#cache;
    if (registry !== undefined) return { registry: this.#registry(registry), path, serveEmbedded: undefined, cache };
    this.#embedded ??= new LocalRegistry(this.#embeddedDirectory);
    return { registry: this.#embedded, path, serveEmbedded: () => this.#serveEmbedded(), cache };
  }

  get #embeddedDirectory(): string {
    return embeddedRegistryDirectory(this.#variables);
  }

  /** Most commands read and write it, and only an engine that lacks an image must be able to reach it. */
  async #serveEmbedded(): Promise<number> {
    this.#server ??= import("../registry/embedded/server.ts").then(({ startEmbeddedRegistry }) =>
      startEmbeddedRegistry({ directory: this.#embeddedDirectory }),
    );
    return (await this.#server).port;
  }

  #registry(host: string): Registry {
    const known = this.#registries.get(host);
    if (known) return known;
    const registry = openRegistry(host, {
      credentials: () => credentialsFor(host, this.#variables),
      variables: this.#variables,
    });
    this.#registries.set(host, registry);
    return registry;
  }

  async close(): Promise<void> {
    // A host that has not answered yet must not be waited for.
    this.#closing.abort();
    const engines = await Promise.allSettled(this.#engines.values());
    const closing = engines.map((engine) => (engine.status === "fulfilled" ? engine.value.close() : undefined));
    for (const registry of this.#registries.values()) registry.close();
    await Promise.allSettled([...closing, this.#server?.then((server) => server.close())]);
  }
}

/** Where the embedded registry keeps its content: `ENVCTL_REGISTRY_DIR`, or the user's data folder (XDG base directories). */
export function embeddedRegistryDirectory(variables: Readonly<Record<string, string | undefined>>): string {
  if (variables.ENVCTL_REGISTRY_DIR) return variables.ENVCTL_REGISTRY_DIR;
  const data = variables.XDG_DATA_HOME || join(homeFolder(variables), ".local", "share");
  return join(data, "envctl", "registry");
}
