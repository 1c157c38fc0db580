import type { ContainerEvent, Labels, VolumeEvent } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { EventMessage, SystemInfo } from "./api-types.ts";
import { containerHealth } from "./container-observation.ts";
import { jsonLines } from "./json-lines.ts";
import { labelFilter } from "./label-filter.ts";
import { unixTimestamp } from "./unix-timestamp.ts";

const actions = [
  ...(["create", "start", "die", "stop", "kill", "pause", "unpause"] as const),
  ...(["destroy", "oom", "health_status", "rename"] as const),
];

/** Events of containers with these labels. */
export function containerEvents(
  api: ApiClient,
  labels: Labels,
  signal: AbortSignal,
): Promise<AsyncIterable<ContainerEvent>> {
  return readEvents(api, labelFilter(labels, { type: ["container"] }), containerEvent, signal);
}

/**
 * Resolves once the engine says that this container's program has ended, from about now on; never where it does not say so:
 * for who has another way to know.
 */
export async function untilContainerDies(api: ApiClient, id: string, signal: AbortSignal): Promise<void> {
  const filters = JSON.stringify({ type: ["container"], container: [id] });
  try {
    for await (const message of api.messages<EventMessage>({
      method: "GET",
      path: "/events",
      query: { filters },
      doing: `waiting for the end of container ${id}`,
      signal,
    })) {
      if (containerEvent(message)?.action === "die") return;
    }
  } catch {
    // The other way tells what is wrong.
  }
  await new Promise(() => {});
}

/** Events of all volumes. */
export function volumeEvents(api: ApiClient, signal: AbortSignal): Promise<AsyncIterable<VolumeEvent>> {
  return readEvents(api, JSON.stringify({ type: ["volume"] }), volumeEvent, signal);
}

/**
 * Engines answer the headers before they listen, so the stream starts at a time of the engine's own clock that lies
 * before: nothing that happens after the promise resolves is missed.
 */
async function readEvents<Event>(
  api: ApiClient,
  filters: string,
  read: (message: EventMessage) => Event | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<Event>> {
  const doing = "listening to the engine's events";
  const info = await api.call<SystemInfo>({ method: "GET", path: "/info", doing, signal });
  const since = info.body.SystemTime && unixTimestamp(info.body.SystemTime);
  const response = await api.stream({ method: "GET", path: "/events", query: { filters, since }, doing, signal });
  return (async function* () {
    try {
      for await (const message of jsonLines<EventMessage>(response)) {
        const event = read(message);
        if (event) yield event;
      }
      // Only an engine that stops ends this stream.
      throw new Error("the stream of events ended");
    } catch (error) {
      if (!signal.aborted) throw api.explain(error, { doing, signal });
    } finally {
      response.destroy();
    }
  })();
}

const podmanActions: Readonly<Record<string, string>> = { died: "die", remove: "destroy" };

/** Undefined for what no rollout asks about (`exec_create`, `attach`, …). */
export function containerEvent(message: EventMessage): ContainerEvent | undefined {
  const [word = "", detail] = (message.Action ?? "").split(": ");
  const action = actions.find((known) => known === (podmanActions[word] ?? word));
  const id = message.Actor?.ID;
  if (action === undefined || id === undefined) return undefined;
  const attributes = message.Actor?.Attributes ?? {};
  const exitCode = Number.parseInt(attributes.exitCode ?? attributes.containerExitCode ?? "", 10);
  return {
    id,
    action,
    health:
      action === "health_status"
        ? containerHealth(detail ?? message.HealthStatus ?? attributes.health_status)
        : undefined,
    exitCode: action === "die" && Number.isInteger(exitCode) ? exitCode : undefined,
  };
}

/** Docker names the volume by its id, Podman in an attribute. Undefined for what nobody asks about (`mount`, …). */
function volumeEvent(message: EventMessage): VolumeEvent | undefined {
  const word = message.Action ?? "";
  const action = podmanActions[word] ?? word;
  const name = message.Actor?.ID || message.Actor?.Attributes?.name;
  return name && (action === "create" || action === "destroy") ? { name, action } : undefined;
}
