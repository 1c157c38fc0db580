import { verbs } from "./verbs.ts";
import type { Paint } from "./view/paint.ts";

/** All verbs by purpose, and where to begin. */
export function overview(paint: Paint): string {
  const groups = new Map<string, string[]>();
  const width = Math.max(...verbs.map((verb) => verb.name.length));
  for (const verb of verbs) {
    const lines = groups.get(verb.group) ?? [];
    groups.set(verb.group, [...lines, `  ${paint("cyan", verb.name.padEnd(width))}  ${verb.summary}`]);
  }
  const blocks = [...groups].map(
    ([group, lines]) => `${paint("bold", `${group.charAt(0).toUpperCase()}${group.slice(1)}:`)}\n${lines.join("\n")}`,
  );
  return `${blocks.join("\n\n")}\n\nBegin with: envctl init, then envctl up dev, envctl promote test.\nMore on a verb: envctl help <verb>\n`;
}
