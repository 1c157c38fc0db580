import { basename } from "node:path";

/** True for names of environments that are also good as an image's repository, which must not end in a dash. */
export function isName(text: string): boolean {
  return /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/.test(text);
}

/** A name that fits: from the folder's, whatever that is. */
export function nameFor(directory: string): string {
  const cleaned = basename(directory)
    // é becomes e and an accent of its own, which then goes.
    .normalize("NFKD")
    .replace(/\p{Mark}+/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 31)
    .replace(/-+$/, "");
  return cleaned === "" ? "app" : cleaned;
}
