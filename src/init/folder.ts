import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Folder } from "./detection.ts";

/** Bytes. A manifest or an entry file that is bigger was not written by hand. */
const biggest = 1 << 20;

/** Opens a folder for looking. What cannot be read counts as not there: detection is a proposal, never a failure. */
export function openFolder(directory: string): Folder {
  const stat = (path: string): Stats | undefined => {
    try {
      return statSync(join(directory, path));
    } catch {
      return undefined;
    }
  };
  return {
    list: (below = ".") => {
      try {
        return readdirSync(join(directory, below)).sort();
      } catch {
        return [];
      }
    },
    has: (file) => stat(file)?.isFile() === true,
    read: (file) => {
      const found = stat(file);
      if (!found?.isFile() || found.size > biggest) return undefined;
      try {
        // Editors on Windows begin files with a byte-order mark, which no parser here expects.
        return readFileSync(join(directory, file), "utf8").replace(/^\uFEFF/, "");
      } catch {
        return undefined;
      }
    },
  };
}
