/** Foreign text as it is: no link, no picture, no tag. */
export function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>()#+!|~&@$]/g, "\\$&");
}

/** Lines as they are, whatever fence is in them. */
export function fenced(text: string): string {
  const fences = text.match(/`{3,}/g) ?? [];
  const fence = "`".repeat(Math.max(3, ...fences.map(({ length }) => length + 1)));
  return `${fence}text\n${text}\n${fence}`;
}
