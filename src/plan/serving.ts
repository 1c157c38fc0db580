import type { ObservedContainer } from "../engine/engine.ts";
import { siteId, upstreamName } from "./naming.ts";
import { byGeneration, isRunning, type ObservedHost, roleOf } from "./observed.ts";

/** What of a host tells whom its clients reach. */
export type ServingHost = Pick<ObservedHost, "containers" | "proxies">;

/**
 * The app's running containers that clients reach, newest first: those that a proxy leads to, or, where none leads to any
 * of them, all. What merely stands by, or is not yet healthy, runs too, but does not serve.
 */
export function servingApp(
  host: ServingHost,
  place: { readonly environment: string; readonly stage: string },
): ObservedContainer[] {
  const running = byGeneration(host.containers.filter((found) => roleOf(found) === "app" && isRunning(found)));
  const id = siteId(place);
  const led = new Set(
    host.proxies
      .filter(({ container }) => isRunning(container))
      .flatMap(({ sites }) => sites.filter((site) => site.id === id))
      .flatMap((site) => [...site.upstreams, ...(site.canary?.upstreams ?? [])].map(({ name }) => name)),
  );
  const reached = running.filter(({ name }) => led.has(upstreamName(name)));
  return reached.length > 0 ? reached : running;
}
