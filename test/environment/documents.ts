import { readFileSync } from "node:fs";
import fc, { type Arbitrary } from "fast-check";

/** The keywords of the schema that a value is made from. */
interface Rule {
  readonly $ref?: string;
  readonly oneOf?: readonly Rule[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string | readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly items?: Rule;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Rule>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Rule;
  readonly propertyNames?: Rule;
  readonly minProperties?: number;
}

const schema = JSON.parse(
  readFileSync(new URL("../../schemas/envctl.schema.json", import.meta.url), "utf8"),
) as Rule & { readonly $defs: Readonly<Record<string, Rule>> };

/** Documents that have the shape of an environment file. */
export const documents = valuesOf(schema);

/** The document with one value replaced, one key taken away or one added, at the end of a random walk. */
export function spoil(value: unknown, steps: Iterator<number>, replacement: unknown, key: string): unknown {
  const step = steps.next().value ?? 0;
  if (typeof value !== "object" || value === null || step === 0) return replacement;
  if (Array.isArray(value)) {
    const place = (steps.next().value ?? 0) % Math.max(1, value.length);
    if (step === 1) return [...value, replacement];
    if (step === 2) return [...value, ...value];
    return value.map((item, index) => (index === place ? spoil(item, steps, replacement, key) : item));
  }
  const entries = Object.entries(value);
  const place = (steps.next().value ?? 0) % Math.max(1, entries.length);
  if (step === 1) return { ...value, [key]: replacement };
  if (step === 2) return Object.fromEntries(entries.filter((_, index) => index !== place));
  return Object.fromEntries(
    entries.map(([name, inner], index) => [name, index === place ? spoil(inner, steps, replacement, key) : inner]),
  );
}

function valuesOf(rule: Rule): Arbitrary<unknown> {
  if (rule.$ref !== undefined) return valuesOf(schema.$defs[rule.$ref.slice("#/$defs/".length)] ?? {});
  if (rule.oneOf) return fc.oneof(...rule.oneOf.map(valuesOf));
  if (rule.enum) return fc.constantFrom(...rule.enum);
  if ("const" in rule) return fc.constant(rule.const);
  return fc.oneof(...[rule.type ?? []].flat().map((type) => ofType(type, rule)));
}

function ofType(type: string, rule: Rule): Arbitrary<unknown> {
  switch (type) {
    case "string":
      return rule.pattern
        ? fc.stringMatching(new RegExp(rule.pattern, "u"))
        : fc.string({ minLength: rule.minLength ?? 0 });
    case "integer":
    case "number":
      return fc.integer({ min: rule.minimum ?? (rule.exclusiveMinimum ?? -1) + 1, max: rule.maximum ?? 2 ** 31 - 1 });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const length = { minLength: rule.minItems ?? 0, maxLength: rule.maxItems ?? 3 };
      const item = valuesOf(rule.items ?? {});
      return rule.uniqueItems ? fc.uniqueArray(item, length) : fc.array(item, length);
    }
    case "object":
      return mapsOf(rule);
    default:
      throw new Error(`the schema has a type that this test cannot make: ${type}`);
  }
}

function mapsOf({ properties = {}, required = [], additionalProperties, propertyNames, minProperties = 0 }: Rule) {
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([key, rule]) => [key, valuesOf(rule)])), {
    requiredKeys: [...required],
  });
  if (typeof additionalProperties !== "object") return known;
  const others = fc.dictionary(
    valuesOf({ type: "string", ...propertyNames }) as Arbitrary<string>,
    valuesOf(additionalProperties),
    {
      minKeys: minProperties,
      maxKeys: 3,
    },
  );
  return fc.tuple(others, known).map(([one, other]) => ({ ...one, ...other }));
}
