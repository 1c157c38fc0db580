import { didYouMean } from "../base/suggest.ts";
import { fitsSchema } from "./fits-schema.ts";
import { placeOfKey } from "./key-places.ts";
import { type Path, type Problems, pathText } from "./problems.ts";
import type { SchemaError } from "./validator.generated.js";

/** Checks the document's shape, and says in human words what is wrong where. */
export async function reportShape(document: unknown, problems: Problems): Promise<void> {
  if (fitsSchema(document)) return;
  const { default: validate } = await import("./validator.generated.js");
  if (validate(document)) return;
  const errors = validate.errors ?? [];
  for (const error of withoutNoise(errors)) report(error, document, problems);
}

/** Findings of alternatives that were not meant: one is reported for the whole, or those of the nearest alternative. */
function withoutNoise(errors: readonly SchemaError[]): SchemaError[] {
  const choices = errors.filter((error) => error.keyword === "oneOf" || error.keyword === "anyOf");
  return errors.filter((error) => {
    const around = choices.filter(
      (candidate) =>
        candidate !== error &&
        isInside(error.instancePath, candidate.instancePath) &&
        error.schemaPath !== candidate.schemaPath &&
        belongsTo(error, candidate),
    );
    // Of alternatives in alternatives, the innermost are what it is a finding of.
    const [choice] = around.toSorted((left, right) => right.instancePath.length - left.instancePath.length);
    if (choice) return isNearest(error, choice);
    if (choices.includes(error))
      return !errors.some((other) => other !== error && belongsTo(other, error) && isNearest(other, error));
    return error.keyword !== "propertyNames" || error.propertyName === undefined;
  });
}

function isInside(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}/`);
}

function belongsTo(error: SchemaError, choice: SchemaError): boolean {
  return !["oneOf", "anyOf"].includes(error.keyword) && isInside(error.instancePath, choice.instancePath);
}

/** A finding deeper than the choice, or about a key of it: the alternative of the right type was meant. */
function isNearest(error: SchemaError, choice: SchemaError): boolean {
  if (error.keyword === "propertyNames") return false;
  if (error.instancePath === choice.instancePath)
    return ["additionalProperties", "required", "pattern", "minItems", "uniqueItems", "minimum", "maximum"].includes(
      error.keyword,
    );
  return true;
}

function pathOf(error: SchemaError, document: unknown): Path {
  const parts = error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const path: (string | number)[] = [];
  let value = document;
  for (const part of parts) {
    path.push(Array.isArray(value) ? Number(part) : part);
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  return path;
}

function report(error: SchemaError, document: unknown, problems: Problems): void {
  const path = pathOf(error, document);
  const { params } = error;
  switch (error.keyword) {
    case "additionalProperties":
    case "unevaluatedProperties": {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      const allowed = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
      const meant = didYouMean(key, allowed) ?? placeOfKey(key, path);
      const list = allowed.length > 0 ? `allowed here: ${allowed.join(", ")}` : undefined;
      problems.keyError([...path, key], `unknown key \`${key}\`${meant ? `; did you mean \`${meant}\`?` : ""}`, list);
      return;
    }
    case "required":
      problems.keyError(
        path,
        `\`${String(params.missingProperty)}\` is missing${path.length > 0 ? ` in \`${pathText(path)}\`` : ""}`,
      );
      return;
    case "enum": {
      const allowed = (params.allowedValues as unknown[]).map(String);
      const list = `allowed: ${allowed.join(", ")}`;
      // A map that was read has no prototype, and so no text of its own.
      if (typeof error.data === "object") {
        problems.error(path, `one of a few words is wanted here, but this is ${typeName(error.data)}`, list);
        return;
      }
      const meant = didYouMean(String(error.data), allowed);
      problems.error(path, `${quote(error.data)} is not allowed${meant ? `; did you mean \`${meant}\`?` : ""}`, list);
      return;
    }
    case "type":
      problems.error(
        path,
        `${typeWords(params.type)} is wanted here, but this is ${typeName(error.data)}`,
        exampleOf(error),
      );
      return;
    case "pattern":
      if (error.propertyName !== undefined) {
        problems.keyError(
          [...path, error.propertyName],
          `${quote(error.propertyName)} is no valid name`,
          nameRule(String(params.pattern)),
        );
      } else problems.error(path, `${quote(error.data)} is not valid here`, nameRule(String(params.pattern)));
      return;
    case "oneOf":
    case "anyOf":
      problems.error(path, `this is ${typeName(error.data)}, and cannot be read here`, describe(error.parentSchema));
      return;
    case "const":
      problems.error(path, `${quote(error.data)} is not allowed`, `allowed: ${JSON.stringify(params.allowedValue)}`);
      return;
    case "minItems":
    case "minProperties":
      problems.error(path, "at least one is wanted here, but there is none");
      return;
    case "propertyNames":
      return;
    default:
      problems.error(path, `this ${error.message ?? "is not valid"}`);
  }
}

function nameRule(pattern: string): string {
  if (pattern.startsWith("^[a-z](?:"))
    return "lower-case letters, digits and dashes, beginning with a letter and not ending with a dash, at most 31";
  if (pattern.endsWith("=")) return "write NAME=value";
  if (pattern.startsWith("^[A-Za-z_]")) return "letters, digits and underscores, not beginning with a digit";
  if (pattern.includes("/")) return "such as linux/amd64";
  return `it must match ${pattern}`;
}

function typeWords(type: unknown): string {
  const words: Record<string, string> = {
    object: "a map",
    array: "a list",
    string: "a text",
    integer: "a whole number",
    number: "a number",
    boolean: "true or false",
  };
  return [type]
    .flat()
    .map((one) => words[String(one)] ?? String(one))
    .join(" or ");
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? `the text ${quote(value)}` : `the ${typeof value} ${String(value)}`;
}

function quote(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `"${text.length > 60 ? `${text.slice(0, 57)}…` : text}"`;
}

function describe(schema: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return typeof schema?.description === "string" ? schema.description : undefined;
}

function exampleOf(error: SchemaError): string | undefined {
  const examples = error.parentSchema?.examples;
  return Array.isArray(examples) && examples.length > 0 ? `such as ${JSON.stringify(examples[0])}` : undefined;
}
