import type { Explanation } from "../../dev/explain.ts";
import type { Paint } from "./paint.ts";

const words: Readonly<Record<Explanation["action"], string>> = {
  sync: "is synced into the running container",
  "sync+restart": "is synced into the running container, and its process starts anew",
  rebuild: "makes a rebuild",
  ignore: "does nothing",
};

export function renderExplanation(explanation: Explanation, paint: Paint): string {
  const { path, action, why, at, targets, run, restart, contents, notes } = explanation;
  const lines = [
    `${paint("bold", path === "" ? "the build context" : path)}: a change ${words[action]}`,
    `  because ${why}${at === undefined ? "" : ` (${at})`}`,
    ...targets.map(
      ({ path: target, owner, mode }) => `  → ${target}, owner ${owner}${mode === undefined ? "" : `, mode ${mode}`}`,
    ),
    ...run.map((command) => `  then runs ${command.join(" ")}`),
    ...(restart === undefined ? [] : [`  ${restart}`]),
  ];
  const counts = Object.entries(contents ?? {}).map(([name, count]) => `${count} ${name}`);
  if (contents) lines.push(`  the files in it: ${counts.join(", ") || "none"}`);
  return [...lines, ...notes.map((note) => `  note: ${note}`)].join("\n");
}
