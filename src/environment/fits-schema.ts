import schema from "../../schemas/envctl.schema.json" with { type: "json" };

type Rule = Readonly<Record<string, unknown>> | boolean;
type Rules = Readonly<Record<string, Rule>>;
type Kind = "null" | "boolean" | "string" | "number" | "array" | "object";
type Check<Value> = (wanted: never, value: Value, rule: { readonly properties?: object }) => boolean;

/**
 * Whether the document has the schema's shape, as JSON Schema (draft 2020-12) has it. Where this cannot tell, it says no: then
 * the generated validator is asked, which knows for certain and says what is wrong, but is fifty times as much code.
 */
export function fitsSchema(document: unknown): boolean {
  return fits(schema as Rule, document);
}

function fits(rule: Rule, value: unknown): boolean {
  if (typeof rule === "boolean") return rule;
  const kind = kindOf(value);
  if (kind === undefined) return false;
  const checks = ofKind[kind];
  return Object.entries(rule).every(([keyword, wanted]) => {
    const check = checks[keyword];
    return check ? check(wanted as never, value as never, rule) : saysNothing.has(keyword);
  });
}

const ofAnything: Readonly<Record<string, Check<unknown>>> = {
  $ref: (name: string, value) => {
    const definition = /^#\/\$defs\/(\w+)$/.exec(name)?.[1] ?? "";
    return fits((schema.$defs as unknown as Rules)[definition] ?? false, value);
  },
  type: (types: string | string[], value) =>
    [types].flat().some((type) => (type === "integer" ? Number.isInteger(value) : type === kindOf(value))),
  enum: (allowed: unknown[], value) => allowed.includes(value),
  const: (only, value) => only === value,
  oneOf: (rules: Rule[], value) => rules.filter((rule) => fits(rule, value)).length === 1,
};

const ofText: Readonly<Record<string, Check<string>>> = {
  pattern: (pattern: string, value) => new RegExp(pattern, "u").test(value),
  minLength: (limit: number, value) => [...value].length >= limit,
};

const ofNumber: Readonly<Record<string, Check<number>>> = {
  minimum: (limit: number, value) => value >= limit,
  maximum: (limit: number, value) => value <= limit,
  exclusiveMinimum: (limit: number, value) => value > limit,
};

const ofList: Readonly<Record<string, Check<readonly unknown[]>>> = {
  items: (rule: Rule, value) => value.every((item) => fits(rule, item)),
  minItems: (limit: number, value) => value.length >= limit,
  maxItems: (limit: number, value) => value.length <= limit,
  // Whether two maps are the same is more than is worth knowing here.
  uniqueItems: (wanted: boolean, value) =>
    !wanted || value.length < 2 || (value.every(isScalar) && new Set(value).size === value.length),
};

const ofMap: Readonly<Record<string, Check<object>>> = {
  properties: (rules: Rules, value) =>
    Object.entries(value).every(([key, inner]) => !Object.hasOwn(rules, key) || fits(rules[key] ?? false, inner)),
  additionalProperties: (rule: Rule, value, { properties = {} }) =>
    Object.entries(value).every(([key, inner]) => Object.hasOwn(properties, key) || fits(rule, inner)),
  propertyNames: (rule: Rule, value) => Object.keys(value).every((key) => fits(rule, key)),
  required: (keys: string[], value) => keys.every((key) => Object.hasOwn(value, key)),
  minProperties: (limit: number, value) => Object.keys(value).length >= limit,
  maxProperties: (limit: number, value) => Object.keys(value).length <= limit,
};

const ofKind: Readonly<Record<Kind, Readonly<Record<string, Check<never>>>>> = {
  null: ofAnything,
  boolean: ofAnything,
  string: { ...ofAnything, ...ofText },
  number: { ...ofAnything, ...ofNumber },
  array: { ...ofAnything, ...ofList },
  object: { ...ofAnything, ...ofMap },
};

/** What describes the schema, and what is about other kinds of values than the one at hand. */
const saysNothing = new Set([
  ...["$schema", "$id", "$defs", "title", "description", "examples", "default"],
  ...[ofText, ofNumber, ofList, ofMap].flatMap((checks) => Object.keys(checks)),
]);

/** Undefined for what JSON does not know, such as a number without end. */
function kindOf(value: unknown): Kind | undefined {
  switch (typeof value) {
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "array" : "object";
    case "number":
      return Number.isFinite(value) ? "number" : undefined;
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    default:
      return undefined;
  }
}

function isScalar(value: unknown): boolean {
  return kindOf(value) !== "array" && kindOf(value) !== "object";
}
