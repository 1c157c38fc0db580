import type { Release } from "./release.ts";

/**
 * The tag under which a build of these inputs is found again: what lets "nothing changed" mean "nothing built" on another
 * machine too. 32 hex digits (128 bits) keep accidental collisions out of reach; the label holds all of it to compare.
 */
export function fingerprintTag(fingerprint: string): string {
  return `fp-${fingerprint.slice(0, 32)}`;
}

/** Tags a release gets in its repository. For people and for look-ups; nothing is ever run by them. */
export function releaseTags(release: Pick<Release, "name" | "fingerprint">): readonly string[] {
  return [release.name, fingerprintTag(release.fingerprint)];
}
