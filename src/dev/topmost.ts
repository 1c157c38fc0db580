/** These paths (with slashes) without those that lie below another of them, sorted. */
export function topmost(paths: Iterable<string>): readonly string[] {
  const all = new Set(paths);
  if (all.has("")) return [""];
  return [...all]
    .filter((path) => {
      for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
        if (all.has(path.slice(0, end))) return false;
      }
      return true;
    })
    .sort();
}
