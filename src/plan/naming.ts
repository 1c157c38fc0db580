import { digestOf } from "../base/digest.ts";

/** Names of what envctl makes on a host. All start with environment and stage, so that people see what belongs together. */

interface Place {
  readonly environment: string;
  readonly stage: string;
}

export function networkName(place: Place): string {
  return `${place.environment}-${place.stage}`;
}

export function volumeName(place: Place, volume: string): string {
  return `${place.environment}-${place.stage}_${volume}`;
}

/** Release and generation are in the name, so that `docker ps` alone tells what runs. */
export function containerName(
  place: Place & { readonly workload: string },
  version: string,
  generation: number,
  replica: number | undefined,
): string {
  const base = `${place.environment}-${place.stage}-${place.workload}-${version}-${generation}`;
  return replica === undefined ? base : `${base}-${replica}`;
}

/** Bytes of a label of a DNS name (RFC 1035 §2.3.4). */
const longestLabel = 63;

/** The name by which a proxy finds a container: its own, or, where that is too long for DNS, an alias of it. */
export function upstreamName(container: string): string {
  if (container.length <= longestLabel) return container;
  const hash = digestOf(container).slice("sha256:".length, "sha256:".length + 16);
  return `${container.slice(0, longestLabel - hash.length - 1)}-${hash}`;
}

/** What all proxies of a host share. Names that begin with a digit are nobody else's, and their network sorts first. */
export const proxyNetwork = "0-envctl-proxy";

/** The proxy of one stage, which publishes that stage's ports. */
export function ownProxyName(place: Place): string {
  return `${place.environment}-${place.stage}-proxy`;
}

/** The proxy of all stages with a domain, by the ports it publishes. */
export function sharedProxyName(httpPort: number, httpsPort: number): string {
  return httpPort === 80 && httpsPort === 443 ? "envctl-proxy" : `envctl-proxy-${httpPort}-${httpsPort}`;
}

/** A volume of a proxy. */
export function proxyVolume(proxy: string, purpose: string): string {
  return `0-${proxy}-${purpose}`;
}

/** The site of a stage in a proxy. */
export function siteId(place: Place): string {
  return `${place.environment}-${place.stage}`;
}
