import type { EnvironmentDocument } from "./document.ts";
import { type Path, Problems, pathText } from "./problems.ts";
import { reportShape } from "./schema-problems.ts";
import type { Source } from "./source.ts";

/**
 * The document without the parts whose shape is wrong, so that the rest can still be checked and every mistake is found at
 * once. A list with a wrong item goes whole: its other items would move. So does a map without a wrong value that it needs.
 */
export async function withoutWrong(
  document: unknown,
  wrong: ReadonlySet<string>,
  source: Source,
): Promise<EnvironmentDocument> {
  const known = new Set(wrong);
  for (;;) {
    const rest = usable(prune(document, [], known));
    if (known.size === 0) return rest;
    const trial = new Problems(source);
    await reportShape(rest, trial);
    const more = [...trial.wrongPaths()].filter((path) => !known.has(path));
    if (more.length === 0) return rest;
    for (const path of more) known.add(path);
  }
}

function usable(document: unknown): EnvironmentDocument {
  const { name, image, stages, ...others } = isMap(document) ? document : {};
  const repository = isMap(image) && typeof image.repository === "string" ? image.repository : "invalid";
  return {
    ...others,
    name: typeof name === "string" ? name : "invalid",
    image: { ...(isMap(image) ? image : {}), repository },
    stages: isMap(stages) ? (stages as EnvironmentDocument["stages"]) : {},
  };
}

const gone = Symbol("gone");

function prune(value: unknown, path: Path, wrong: ReadonlySet<string>): unknown {
  if (path.length > 0 && wrong.has(pathText(path))) return gone;
  if (Array.isArray(value)) {
    const items = value.map((inner, index) => prune(inner, [...path, index], wrong));
    return items.includes(gone) ? gone : items;
  }
  if (!isMap(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, prune(inner, [...path, key], wrong)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== gone));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
