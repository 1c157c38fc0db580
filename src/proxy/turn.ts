import { type Site, turnedFolder, type Upstream } from "./proxy.ts";

/** A release that a site serves instead of the one that its configuration names: all else is as in the site itself. */
export interface Turn {
  readonly release: string;
  /** The upstream's name; of several, what all begin with, followed by `-1`, `-2`, … */
  readonly base: string;
}

/**
 * Folder in which a file, if there is one, names the release that a site serves: no new configuration is needed for another.
 * Each configuration of a site has a folder of its own: what it serves does not hang on what the one before was turned to.
 */
export function turnFolder({ id, turns }: Pick<Site, "id" | "turns">): string {
  return `${turnedFolder}/${id}.${turns ?? 0}`;
}

/** Whether the site is served as its files say. */
export function canTurn({ turns, canary }: Site): boolean {
  return turns !== undefined && !canary;
}

/** Undefined where the names of the upstreams are not of one base. */
export function turnOf({ release, upstreams }: Pick<Site, "release" | "upstreams">): Turn | undefined {
  const base = upstreams[0]?.name.replace(upstreams.length > 1 ? /-1$/ : "", "");
  if (base === undefined) return undefined;
  const isSeries = turnedUpstreams({ upstreams }, base).every(({ name }, index) => name === upstreams[index]?.name);
  return isSeries ? { release, base } : undefined;
}

/** The upstreams of another release: as many, by the same ports. */
export function turnedUpstreams({ upstreams }: Pick<Site, "upstreams">, base: string): Upstream[] {
  return upstreams.map(({ port }, index) => ({ name: upstreams.length > 1 ? `${base}-${index + 1}` : base, port }));
}

/** Neither part has a `~`, or a slash: one is part of a container's name, the other a name in DNS. */
export function turnFile({ release, base }: Turn): string {
  return `${release}~${base}`;
}

/** What `turnFile` made a name of; undefined for any other. */
export function turnFrom(file: string): Turn | undefined {
  const [release, base, ...more] = file.split("~");
  return release && base && more.length === 0 ? { release, base } : undefined;
}
