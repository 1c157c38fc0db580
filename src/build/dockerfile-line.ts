import { parseDockerfile } from "./dockerfile.ts";

/**
 * The line of the instruction that a step's title shows, for builders that don't tell: found by its text, and only if it
 * stands in the Dockerfile exactly once. Undefined where arguments were filled in, or where it can't be told apart.
 */
export function dockerfileLine(dockerfile: string, title: string): number | undefined {
  const wanted = squeeze(title.replace(/^\[[^\]]*\d+\/\d+\] /, ""));
  const found = parseDockerfile(dockerfile).instructions.filter((instruction) => squeeze(instruction.text) === wanted);
  return found.length === 1 ? found[0]?.line : undefined;
}

function squeeze(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
