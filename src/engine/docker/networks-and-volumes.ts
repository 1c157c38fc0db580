import { setTimeout } from "node:timers/promises";
import { messageOf } from "../../base/errors.ts";
import type { Labels, ObservedNamed } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { NamedInspect } from "./api-types.ts";
import { labelFilter } from "./label-filter.ts";
import { unixTimestamp } from "./unix-timestamp.ts";

/** Networks and volumes of one engine: things with a name and labels. */
export class NetworksAndVolumes {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async ensureNetwork(name: string, labels: Labels, signal?: AbortSignal): Promise<void> {
    if ((await this.#networksNamed(name, signal)).length > 0) return;
    const answer = await this.#api.call<{ readonly Id?: string } | undefined>({
      method: "POST",
      path: "/networks/create",
      // Without the check engines before API 1.44 make a second network of the same name at any time.
      body: { Name: name, CheckDuplicate: true, Driver: "bridge", Labels: labels },
      doing: `creating network ${name}`,
      // Somebody else made it between our look and our call.
      accept: [409],
      signal,
    });
    if (answer.body?.Id !== undefined) await this.#yieldToOlder(name, answer.body.Id, signal);
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

  async ensureVolume(name: string, labels: Labels, signal?: AbortSignal): Promise<void> {
    const create = this.#api.call({
      method: "POST",
      path: "/volumes/create",
      body: { Name: name, Labels: labels },
      doing: `creating volume ${name}`,
      accept: [409],
      signal,
    });
    await create.catch((error: unknown) => {
      // Podman answers 500 to those who lose a race: somebody else has made it.
      if (!/volume already exists/.test(messageOf(error))) throw error;
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

  /**
   * Even with their check, old engines make two networks of one name for callers that come at the same moment, and
   * then refuse to attach anything to either. The oldest stays; where it seems that nobody else will yield, we do.
   */
  async #yieldToOlder(name: string, id: string, signal?: AbortSignal): Promise<void> {
    const looks = 20;
    for (let look = 1; look <= looks; look += 1) {
      const twins = [...(await this.#networksNamed(name, signal))].sort(byAge);
      if (twins.length <= 1) return;
      if (twins[0]?.Id !== id || look === looks) await this.removeNetwork(id, signal);
      else await setTimeout(50, undefined, signal ? { signal } : {});
    }
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

function byAge(left: NamedInspect, right: NamedInspect): number {
  const key = ({ Created = "", Id = "" }: NamedInspect) => `${unixTimestamp(Created).padStart(30)} ${Id}`;
  return key(left) < key(right) ? -1 : 1;
}

function observedNamed(inspect: NamedInspect): ObservedNamed {
  const created = inspect.CreatedAt ?? inspect.Created;
  return {
    name: inspect.Name,
    labels: inspect.Labels ?? {},
    createdAt: created === undefined ? undefined : new Date(created),
  };
}
