import type { EnvironmentDocument } from "./document.ts";
import { type Path, pathText } from "./problems.ts";

/**
 * The document without the parts whose shape is wrong, so that the rest can still be checked and every mistake is found at
 * once. A list with a wrong item goes whole: its other items would move.
 */
export function withoutWrong(document: unknown, wrong: ReadonlySet<string>): EnvironmentDocument {
  const rest = prune(document, [], wrong);
  const { name, image, stages, ...others } = isMap(rest) ? rest : {};
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
  const kept = entries.filter(([, inner]) => inner !== gone);
  return lacksRequired(
    path,
    kept.map(([key]) => key),
  )
    ? gone
    : Object.fromEntries(kept);
}

/** Services and tasks are of no use without these. */
function lacksRequired(path: Path, keys: readonly string[]): boolean {
  if (path.length !== 2) return false;
  if (path[0] === "services") return !keys.includes("image");
  if (path[0] === "workers") return !keys.includes("command");
  return path[0] === "tasks" && !keys.includes("command");
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
