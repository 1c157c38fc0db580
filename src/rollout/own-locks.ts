/**
 * Nonces of the locks that this process holds or is about to take. A lock of ours that is not among them was given up:
 * its host did not answer when it was to be released. That this process still runs says nothing of it.
 */
export const ownLocks = new Set<string>();
