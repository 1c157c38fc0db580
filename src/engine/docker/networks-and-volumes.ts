import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Labels, ObservedNamed } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { NamedInspect } from "./api-types.ts";
import { labelFilter } from "./label-filter.ts";

/** Networks and volumes of one engine: things with a name and labels. */
export class NetworksAndVolumes {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async ensureNetwork(name: string, labels: Labels, signal?: AbortSignal): Promise<void> {
    const existing = await this.#networksNamed(name, signal);
    if (existing.length === 0) {
      await this.#api.call({
        method: "POST",
        path: "/networks/create",
        // Without the check engines before API 1.44 make a second network of the same name.
        body: { Name: name, CheckDuplicate: true, Driver: "bridge", Labels: labels },
        doing: `creating network ${name}`,
        // Somebody else made it between our look and our call.
        accept: [409],
        signal,
      });
    }
  }

  async networks(labels: Labels, signal?: AbortSignal): Promise<ObservedNamed[]> {
    const answer = await this.#api.call<readonly NamedInspect[]>({
      method: "GET",
      path: "/networks",
      query: { filters: labelFilter(labels) },
      doing: "listing networks",
      signal,
    });
    return answer.body.map(observedNamed);
  }

  /** Throws `network-in-use`. */
  async removeNetwork(name: string, signal?: AbortSignal): Promise<void> {
    await this.#api.call({
      method: "DELETE",
      path: `/networks/${encodeURIComponent(name)}`,
      doing: `removing network ${name}`,
      accept: [404],
      signal,
    });
  }

  async ensureVolume(name: string, labels: Labels, signal?: AbortSignal): Promise<Labels> {
    const attempts = 3;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      await this.#api.call({
        method: "POST",
        path: "/volumes/create",
        body: { Name: name, Labels: labels },
        doing: `creating volume ${name}`,
        accept: [409],
        signal,
      });
      // Read back rather than trusted: what the engine keeps decides who made it first.
      const answer = await this.#api.call<NamedInspect>({
        method: "GET",
        path: `/volumes/${encodeURIComponent(name)}`,
        doing: `inspecting volume ${name}`,
        accept: [404],
        signal,
      });
      if (answer.status !== 404) return answer.body.Labels ?? {};
    }
    throw new EnvctlError({
      code: "volume-contended",
      exitCode: ExitCode.failed,
      what: `volume ${name} was removed by somebody else each time it was made`,
      where: this.#api.where,
    });
  }

  async volumes(labels: Labels, signal?: AbortSignal): Promise<ObservedNamed[]> {
    const answer = await this.#api.call<{ readonly Volumes?: readonly NamedInspect[] | null }>({
      method: "GET",
      path: "/volumes",
      query: { filters: labelFilter(labels) },
      doing: "listing volumes",
      signal,
    });
    return (answer.body.Volumes ?? []).map(observedNamed);
  }

  /** Throws `volume-in-use`. */
  async removeVolume(name: string, signal?: AbortSignal): Promise<void> {
    await this.#api.call({
      method: "DELETE",
      path: `/volumes/${encodeURIComponent(name)}`,
      doing: `removing volume ${name}`,
      accept: [404],
      signal,
    });
  }

  /** The filter matches parts of names, so the exact ones are picked here. */
  async #networksNamed(name: string, signal?: AbortSignal): Promise<readonly NamedInspect[]> {
    const answer = await this.#api.call<readonly NamedInspect[]>({
      method: "GET",
      path: "/networks",
      query: { filters: JSON.stringify({ name: [name] }) },
      doing: `looking for network ${name}`,
      signal,
    });
    return answer.body.filter((network) => network.Name === name);
  }
}

function observedNamed(inspect: NamedInspect): ObservedNamed {
  const created = inspect.CreatedAt ?? inspect.Created;
  return {
    name: inspect.Name,
    labels: inspect.Labels ?? {},
    createdAt: created === undefined ? undefined : new Date(created),
  };
}
