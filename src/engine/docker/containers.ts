import { setTimeout as wait } from "node:timers/promises";
import { EnvctlError } from "../../base/errors.ts";
import { withGrace } from "../../base/time-limit.ts";
import type { ContainerChoice, ContainerSpec, Labels, ObservedContainer } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { ContainerInspect } from "./api-types.ts";
import { containerBody } from "./container-body.ts";
import { observedContainer } from "./container-observation.ts";
import { untilContainerDies } from "./events.ts";
import { labelFilter } from "./label-filter.ts";
import { comeBackWithEngine } from "./restart-policy.ts";

/** How long an engine may take to answer after somebody gave up what it was asked for. Milliseconds. */
const patience = 10_000;

/** What a list tells of a container. */
interface ListedContainer {
  readonly Id: string;
  readonly Labels?: Labels | null;
}

interface Look {
  readonly found: Promise<ObservedContainer | undefined>;
  /** What ends one look must not end another's. */
  readonly signal: AbortSignal | undefined;
}

/** Containers of one engine: the changing and observing part of `Engine`. */
export class Containers {
  readonly #api: ApiClient;
  /** Made here and not started yet, by name: they have the policy that they will run with. */
  readonly #fresh = new Set<string>();
  /** On their way, for lists. */
  readonly #looks = new Map<string, Look>();
  /** Stops whose programs have ended, or will. */
  readonly #ending = new Set<Promise<void>>();

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async withLabels(
    labels: Labels,
    signal?: AbortSignal,
    { running = false, where = () => true }: ContainerChoice = {},
  ): Promise<ObservedContainer[]> {
    const list = await this.#api.call<readonly ListedContainer[]>({
      method: "GET",
      path: "/containers/json",
      query: { all: !running, filters: labelFilter(labels) },
      doing: "listing containers",
      signal,
    });
    const chosen = list.body.filter(({ Labels }) => where(Labels ?? {}));
    const found = await Promise.all(chosen.map(({ Id }) => this.#look(Id, signal)));
    // One that went away between the list and its inspection is simply not there.
    return found.filter((container) => container !== undefined);
  }

  /** Two lists that are made at the same moment, for one purpose, ask for what is in both once. */
  #look(id: string, signal: AbortSignal | undefined): Promise<ObservedContainer | undefined> {
    const known = this.#looks.get(id);
    if (known && known.signal === signal) return known.found;
    const found = this.find(id, signal);
    this.#looks.set(id, { found, signal });
    const end = () => {
      if (this.#looks.get(id)?.found === found) this.#looks.delete(id);
    };
    found.then(end, end);
    return found;
  }

  async find(idOrName: string, signal?: AbortSignal): Promise<ObservedContainer | undefined> {
    const answer = await this.#api.call<ContainerInspect>({
      method: "GET",
      path: `/containers/${encodeURIComponent(idOrName)}/json`,
      doing: `inspecting container ${idOrName}`,
      accept: [404],
      signal,
    });
    return answer.status === 404 ? undefined : observedContainer(answer.body);
  }

  /**
   * Returns the new container's id. Throws `name-taken`, `image-missing`. Once asked for, an engine makes it whether anybody
   * listens or not, and who does not know of it can take nothing away: so its answer is waited for after an abort, too.
   */
  async create(spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    const answer = await withGrace(signal, patience, (late) =>
      this.#api.call<{ readonly Id: string }>({
        method: "POST",
        path: "/containers/create",
        query: { name: spec.name },
        body: containerBody(spec),
        doing: `creating container ${spec.name}`,
        secrets: spec.env,
        signal: late,
      }),
    );
    this.#fresh.add(spec.name);
    return answer.body.Id;
  }

  /** Engine API: 304 where it runs already. Throws `port-taken`. */
  async start(idOrName: string, signal?: AbortSignal): Promise<void> {
    await this.#api.call({
      method: "POST",
      path: `/containers/${encodeURIComponent(idOrName)}/start`,
      doing: `starting container ${idOrName}`,
      signal,
    });
    if (!this.#fresh.delete(idOrName)) await comeBackWithEngine(this.#api, idOrName, true, signal);
  }

  /**
   * `grace` in milliseconds. A container that is stopped or gone is stopped. Killed before it resolves, it may leave one that
   * `comesBack`.
   */
  async stop(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    await withGrace(signal, grace + patience, async (late) => {
      await this.#stop(id, grace, late);
      // Not before: of one that runs, an engine changes it by a program of its own, which takes ten times as long.
      await comeBackWithEngine(this.#api, id, false, late);
    });
  }

  /**
   * Stops it, and does not wait until its engine has taken back its network: that takes longer than most programs take to
   * end. The engine finishes what it was asked, and lets nobody look at the container or start it before.
   */
  async end(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    const heard = new AbortController();
    const until = signal ? AbortSignal.any([signal, heard.signal]) : heard.signal;
    try {
      const died = untilContainerDies(this.#api, id, until);
      // Its caller goes on before the engine has answered, and may then be killed: so it comes first here.
      await comeBackWithEngine(this.#api, id, false, signal);
      const stopping = withGrace(signal, grace + patience, (late) => this.#stop(id, grace, late));
      const settled = stopping.catch(() => {});
      this.#ending.add(settled);
      settled.then(() => this.#ending.delete(settled));
      await Promise.race([died, stopping]);
    } finally {
      heard.abort(new Error("the container has ended"));
    }
  }

  /** Resolves once the engine has finished with all that has ended, and lists it so; after `patience` milliseconds at the latest. */
  async settled(patience: number): Promise<void> {
    if (this.#ending.size === 0) return;
    const limit = new AbortController();
    await Promise.race([
      Promise.all(this.#ending),
      wait(patience, undefined, { signal: limit.signal }).catch(() => {}),
    ]);
    limit.abort();
  }

  /** An engine that was asked goes on with it, and would end also what is started again meanwhile: so nobody gives it up at once. */
  async #stop(id: string, grace: number, signal: AbortSignal): Promise<void> {
    const seconds = Math.ceil(grace / 1000);
    await this.#api.call({
      method: "POST",
      path: `/containers/${encodeURIComponent(id)}/stop`,
      query: { t: seconds },
      doing: `stopping container ${id}`,
      accept: [404],
      timeout: (seconds + 60) * 1000,
      signal,
    });
  }

  /** `grace` in milliseconds. */
  async restart(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    const seconds = Math.ceil(grace / 1000);
    await this.#api.call({
      method: "POST",
      path: `/containers/${encodeURIComponent(id)}/restart`,
      query: { t: seconds },
      doing: `restarting container ${id}`,
      timeout: (seconds + 60) * 1000,
      signal,
    });
  }

  /** Throws `container-not-running`. */
  async signal(id: string, signalName: string, signal?: AbortSignal): Promise<void> {
    await this.#api.call({
      method: "POST",
      path: `/containers/${encodeURIComponent(id)}/kill`,
      query: { signal: signalName },
      doing: `sending ${signalName} to container ${id}`,
      signal,
    });
  }

  /** Kills it where it runs, and removes the volumes nobody named. */
  async remove(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#api.call({
        method: "DELETE",
        path: `/containers/${encodeURIComponent(id)}`,
        query: { force: true, v: true },
        doing: `removing container ${id}`,
        accept: [404],
        signal,
      });
    } catch (error) {
      if (!(error instanceof EnvctlError) || error.code !== "removal-in-progress") throw error;
      await this.#wait(id, "removed", [404], signal);
    }
  }

  async waitForExit(id: string, signal?: AbortSignal): Promise<number> {
    return (await this.#wait(id, "not-running", [], signal)) ?? 0;
  }

  /** The exit code; undefined where a status was accepted that has none. */
  async #wait(id: string, condition: "not-running" | "removed", accept: readonly number[], signal?: AbortSignal) {
    const answer = await this.#api.longCall<{ readonly StatusCode?: number } | undefined>({
      method: "POST",
      path: `/containers/${encodeURIComponent(id)}/wait`,
      query: { condition },
      doing: `waiting for container ${id}`,
      accept,
      signal,
    });
    return answer.body?.StatusCode;
  }
}
