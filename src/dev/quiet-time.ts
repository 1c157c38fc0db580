/**
 * How long nothing may come before a batch goes out, in milliseconds. An editor's save is a handful of events within
 * one or two; a checkout or an unpacked archive keeps the disk busy, with pauses that grow with its size.
 */
export function quietTime(paths: number): number {
  if (paths <= 3) return 4;
  if (paths <= 30) return 15;
  if (paths <= 300) return 40;
  return 100;
}

/** How long a batch is gathered at most, however busy it is. */
export function longestGathering(paths: number): number {
  return paths <= 30 ? 250 : 2_000;
}
