import type { Digest } from "../base/digest.ts";
import type { PortMapping } from "../engine/engine.ts";
import type { HostWish } from "./host-wish.ts";
import { networkName } from "./naming.ts";
import type { ObservedHost } from "./observed.ts";
import type { PlannedImage, Step, StopStep } from "./plan.ts";
import type { Replacement } from "./replace.ts";
import { roomFor } from "./room.ts";
import { leftoverTaskSteps } from "./tidy.ts";

/** What a host needs before anything of the release can start, and its services, which are replaced before that. */
export function prepareSteps(
  host: ObservedHost,
  wish: HostWish,
  parts: {
    readonly releaseImage: PlannedImage;
    readonly app: Replacement;
    readonly workers: readonly Replacement[];
    readonly services: readonly Replacement[];
    /** Of the app and the proxies. */
    readonly ports: readonly PortMapping[];
  },
): Step[] {
  const { releaseImage, app, workers, services, ports } = parts;
  const prepare: Step[] = leftoverTaskSteps(host);
  const ofRelease = [app, ...workers].flatMap(({ creates }) => creates);
  if (ofRelease.length > 0 && host.presentImage === undefined) prepare.push({ kind: "pull", image: releaseImage });
  for (const { creates } of services) {
    for (const step of creates) {
      if (step.kind === "create" && !hasImage(host, step.image.digest))
        prepare.push({ kind: "pull", image: step.image });
    }
  }
  const creates = [...services.flatMap((service) => service.creates), ...ofRelease];
  const network = networkName(wish.place);
  const needsNetwork = creates.length > 0 || wish.stage.proxy !== undefined;
  if (needsNetwork && !host.networks.includes(network)) prepare.push({ kind: "network", name: network });
  prepare.push(...volumeSteps(host, creates));
  const stopped = new Set<string>();
  const firstTime = (stops: readonly StopStep[]) =>
    stops.filter(({ container }) => !stopped.has(container.id) && stopped.add(container.id));
  for (const [index, service] of services.entries()) {
    const { spec } = wish.services[index]?.desired ?? {};
    const room = service.starts.length > 0 && spec ? roomFor(host, wish, spec, services) : [];
    // Never two at once: they would write into the same data.
    prepare.push(...service.creates, ...firstTime([...service.stops, ...room]), ...service.starts);
  }
  prepare.push(...firstTime(roomFor(host, wish, { ports, mounts: [] }, [])));
  return prepare;
}

function volumeSteps(host: ObservedHost, creates: readonly Step[]): Step[] {
  const steps = new Map<string, Step>();
  for (const step of creates) {
    if (step.kind !== "create") continue;
    for (const mount of step.container.spec.mounts) {
      if (mount.kind === "volume" && !host.volumes.includes(mount.source)) {
        steps.set(mount.source, { kind: "volume", name: mount.source, mount });
      }
    }
  }
  return [...steps.values()];
}

function hasImage(host: ObservedHost, digest: Digest): boolean {
  return [...host.images.values()].some((image) =>
    image.repoDigests.some((reference) => reference.endsWith(`@${digest}`)),
  );
}
