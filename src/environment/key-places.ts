import schema from "../../schemas/envctl.schema.json" with { type: "json" };
import type { Path } from "./problems.ts";

interface Rule {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Rule>>;
  readonly additionalProperties?: Rule | boolean;
  readonly items?: Rule;
  readonly oneOf?: readonly Rule[];
}

/** Where a section's own name stands, which is the user's to choose. */
const anyName = "<name>";

/** Made at the first mistake of a file, which may have a hundred thousand. */
let byKey: ReadonlyMap<string, readonly (readonly string[])[]> | undefined;

/**
 * Where a key belongs that stands in the wrong map: `rollout.strategy` for a `strategy` in a stage, `app.health` for a `health`
 * there. Undefined where there is no such key one level below the map, nor in any section of the file.
 */
export function placeOfKey(key: string, map: Path): string | undefined {
  byKey ??= collect();
  const places = byKey.get(key) ?? [];
  const below = places.find((place) => place.length === map.length + 2 && leadsTo(place, map));
  if (below) return below.slice(map.length).join(".");
  return places.find((place) => place.filter((part) => part !== anyName).length === 2)?.join(".");
}

function collect(): ReadonlyMap<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  for (const place of placesOf(schema as Rule, [])) {
    const key = place.at(-1) ?? "";
    const places = found.get(key) ?? [];
    found.set(key, places);
    places.push(place);
  }
  return found;
}

function leadsTo(place: readonly string[], map: Path): boolean {
  return map.every((part, index) => place[index] === anyName || place[index] === String(part));
}

/** Of all keys that the schema names, in its order; those of a list's items are left out. */
function* placesOf(rule: Rule, at: readonly string[]): Generator<readonly string[]> {
  if (rule.$ref !== undefined) yield* placesOf(definition(rule.$ref), at);
  for (const choice of rule.oneOf ?? []) yield* placesOf(choice, at);
  for (const [key, inner] of Object.entries(rule.properties ?? {})) {
    yield [...at, key];
    yield* placesOf(inner, [...at, key]);
  }
  if (typeof rule.additionalProperties === "object") yield* placesOf(rule.additionalProperties, [...at, anyName]);
}

function definition(reference: string): Rule {
  return (schema.$defs as Readonly<Record<string, Rule>>)[reference.slice("#/$defs/".length)] ?? {};
}
