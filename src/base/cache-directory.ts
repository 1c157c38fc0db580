import { isAbsolute, join } from "node:path";
import { homeFolder } from "./user.ts";

/** `$XDG_CACHE_HOME/envctl`, or `~/.cache/envctl` (XDG Base Directory Specification: relative values are ignored). */
export function cacheDirectory(variables: Readonly<Record<string, string | undefined>>): string {
  const base = variables.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homeFolder(variables), ".cache"), "envctl");
}
