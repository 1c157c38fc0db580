/** What a release's name is made of. */
export interface NameParts {
  readonly commit: string | undefined;
  readonly dirty: boolean;
  /** Hex digits. */
  readonly fingerprint: string;
}

/**
 * The name by which people speak of a release: `3f2c1ab` for a clean commit, `3f2c1ab-dirty-9d0e` where the work tree had
 * changes (the suffix tells two such builds apart), `9d0e44aa` without a commit. Always a valid tag; never an identity.
 */
export function releaseName(parts: NameParts): string {
  if (parts.commit === undefined) return parts.fingerprint.slice(0, 8);
  const short = parts.commit.slice(0, 7);
  return parts.dirty ? `${short}-dirty-${parts.fingerprint.slice(0, 4)}` : short;
}
