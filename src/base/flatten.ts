import { isObject } from "./json.ts";

/**
 * A document as its leaves by their paths, `app.health.path`, for comparing and for people. Lists are leaves, unless their
 * entries have names: those are told apart by them. Nothing is left of what is empty.
 */
export function flatten(document: unknown): Map<string, string> {
  const leaves = new Map<string, string>();
  visit(document, "", leaves);
  return leaves;
}

function visit(value: unknown, path: string, leaves: Map<string, string>): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    const names = value.map((entry) => (isObject(entry) && typeof entry.name === "string" ? entry.name : undefined));
    const named = names.every((name) => name !== undefined) && new Set(names).size === names.length;
    if (!named) leaves.set(path, value.map(leafText).join(", "));
    else for (const [index, entry] of value.entries()) visit(entry, joined(path, names[index] ?? ""), leaves);
  } else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) visit(inner, joined(path, key), leaves);
  } else leaves.set(path, leafText(value));
}

function joined(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function leafText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
