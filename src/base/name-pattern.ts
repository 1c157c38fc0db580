/** Whether a name is one of those that a pattern is about: `*` stands for anything but a slash, `**` for anything. */
export function matchesName(pattern: string, name: string): boolean {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[\\^$.+?()[\]{}|*]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`, "su").test(name);
}
