import {
  type Alias,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  Scalar,
  type YAMLMap,
} from "yaml";
import { didYouMean } from "../base/suggest.ts";
import { interpolate } from "./interpolate.ts";
import type { Path, Problems } from "./problems.ts";

/** Aliases may save typing, but not blow a small file up to a large one. */
const maximumNodes = 50_000;
const maximumDepth = 64;

/** The document as plain data, and for each scalar the text that was written (after interpolation). */
export interface ParsedDocument {
  readonly value: unknown;
  /** By `pathText`: `022` where the value is the number 22. */
  readonly texts: ReadonlyMap<string, string>;
  /** Paths whose text came from a variable: their type may still be adapted to what is wanted. */
  readonly interpolated: ReadonlySet<string>;
  /** Paths of scalars without quotes. */
  readonly plain: ReadonlySet<string>;
}

export interface ParseOptions {
  readonly lookUp: (variable: string) => string | undefined;
  readonly variableNames: readonly string[];
  /** True for paths whose unset variables do not matter while the rest makes sense: they belong to another stage. */
  readonly lenient: (path: Path) => boolean;
}

/** Reads YAML 1.2, replaces variables in its scalars, and reports every mistake. Never throws for what the file says. */
export function parseDocument(problems: Problems, options: ParseOptions): ParsedDocument | undefined {
  const { text } = problems.source;
  const documents = parseAllDocuments(text, {
    lineCounter: new LineCounter(),
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
    logLevel: "silent",
  });
  if (!Array.isArray(documents) || documents.length === 0) {
    problems.at("error", 0, 1, [], "the file is empty", "envctl init writes a first one");
    return undefined;
  }
  const [document, second] = documents;
  if (!document) return undefined;
  for (const error of document.errors) {
    const [start, end] = error.pos;
    problems.at("error", start, end, [], yamlMessage(error.code, error.message), yamlHint(error.code));
  }
  if (second) {
    problems.at("error", second.range[0], second.range[0] + 3, [], "the file has more than one YAML document");
  }
  if (problems.hasErrors) return undefined;
  if (!document.contents) {
    problems.at("error", 0, 1, [], "the file is empty", "envctl init writes a first one");
    return undefined;
  }
  const walk = new Walk(problems, options, document.contents);
  const value = walk.read(document.contents, [], 0);
  return { value, texts: walk.texts, interpolated: walk.interpolated, plain: walk.plain };
}

class Walk {
  readonly texts = new Map<string, string>();
  readonly interpolated = new Set<string>();
  readonly plain = new Set<string>();
  readonly #problems: Problems;
  readonly #options: ParseOptions;
  readonly #anchors = new Map<string, Node>();
  #count = 0;
  #stopped = false;

  constructor(problems: Problems, options: ParseOptions, root: Node) {
    this.#problems = problems;
    this.#options = options;
    problems.locate([], undefined, root);
  }

  read(node: Node | null | undefined, path: Path, depth: number): unknown {
    const target = this.#reach(node, path, depth);
    if (!target) return null;
    if (isAlias(target)) return this.read(this.#aliased(target, path), path, depth + 1);
    if (isMap(target)) return this.#readMap(target, path, depth);
    if (isSeq(target)) {
      return target.items.map((item, index) => {
        const inner = [...path, index];
        const child = item as Node;
        this.#problems.locate(inner, undefined, child);
        return this.read(child, inner, depth + 1);
      });
    }
    return isScalar(target) ? this.#readScalar(target, path) : null;
  }

  /** Counts the node and remembers its anchor; undefined where there is none, or where the file is too much. */
  #reach(node: Node | null | undefined, path: Path, depth: number): Node | undefined {
    this.#count += 1;
    if (!node || this.#stopped) return undefined;
    if (this.#count > maximumNodes || depth > maximumDepth) {
      this.#stopped = true;
      const why =
        depth > maximumDepth
          ? `the file is nested more than ${maximumDepth} levels deep`
          : "aliases make this file too large";
      this.#mistake(node, path, why);
      return undefined;
    }
    if ("anchor" in node && typeof node.anchor === "string") this.#anchors.set(node.anchor, node);
    return node;
  }

  #aliased(alias: Alias, path: Path): Node | undefined {
    const target = this.#anchors.get(alias.source);
    if (!target) this.#mistake(alias, path, `there is no anchor \`&${alias.source}\` before this alias`);
    return target;
  }

  #mistake(node: Node | null | undefined, path: Path, message: string, hint?: string): void {
    this.#problems.at("error", node?.range?.[0] ?? 0, node?.range?.[1] ?? 1, path, message, hint);
  }

  /**
   * Puts what the map says into the result, but for the names that are taken already. What gives way is not read at all: its
   * texts and places would take those of the value that wins.
   */
  #readMap(
    map: YAMLMap,
    path: Path,
    depth: number,
    result: Record<string, unknown> = Object.create(null),
    taken: (name: string) => boolean = () => false,
  ): Record<string, unknown> {
    const names = new Set(map.items.flatMap(({ key }) => (isName(key) ? nameOf(key) : [])));
    const own = new Set<string>();
    for (const pair of map.items) {
      if (!isPair(pair)) continue;
      const key = pair.key as Node;
      const value = (pair.value ?? undefined) as Node | undefined;
      if (isScalar(key) && isMerge(key)) {
        this.#merge(value, path, depth + 1, result, (name) => names.has(name) || taken(name));
        continue;
      }
      if (!isName(key)) {
        this.#mistake(key, path, "a key must be a plain word");
        continue;
      }
      const name = nameOf(key);
      const inner = [...path, name];
      // The library compares every key with every other, which a file of many keys would make endless.
      if (own.has(name)) {
        this.#mistake(key, inner, "this key is there twice", "keep one of them");
        continue;
      }
      own.add(name);
      if (taken(name) || name in result) {
        this.#count += 1;
        continue;
      }
      this.#problems.locate(inner, key, value);
      result[name] = this.read(value, inner, depth + 1);
    }
    return result;
  }

  /** What stands after `<<`: a map, or several, of which the first that has a key wins. */
  #merge(
    node: Node | undefined,
    path: Path,
    depth: number,
    result: Record<string, unknown>,
    taken: (name: string) => boolean,
  ): void {
    const target = this.#reach(node, path, depth);
    if (!target) return;
    if (isAlias(target)) this.#merge(this.#aliased(target, path), path, depth + 1, result, taken);
    else if (isMap(target)) this.#readMap(target, path, depth, result, taken);
    else if (isSeq(target)) {
      for (const item of target.items) this.#merge(item as Node, path, depth + 1, result, taken);
    } else if (isName(target)) {
      const hint = `write the name of an anchor with a star: <<: *${nameOf(target)}`;
      this.#mistake(target, path, "only maps can be merged", hint);
    }
  }

  #readScalar(node: Scalar, path: Path): unknown {
    const written = node.source ?? String(node.value);
    const plain = node.type === Scalar.PLAIN;
    const replaced = interpolate(written, this.#options.lookUp);
    const start = (node.range?.[0] ?? 0) + (plain ? 0 : 1);
    const report = () => {
      for (const error of replaced.errors) {
        const at =
          node.type === Scalar.PLAIN || node.type === Scalar.QUOTE_SINGLE || node.type === Scalar.QUOTE_DOUBLE
            ? start + error.offset
            : start;
        this.#problems.at("error", at, at + error.length, path, error.message, this.#unsetHint(error.variable));
      }
    };
    if (!this.#options.lenient(path)) report();
    // Without its variable the value may be none at all, such as the address of a host.
    else if (replaced.errors.length > 0) this.#problems.because(path, report);
    const key = placeOf(path);
    this.texts.set(key, replaced.text);
    if (plain) this.plain.add(key);
    if (!replaced.changed) return node.value;
    this.interpolated.add(key);
    return replaced.text;
  }

  #unsetHint(variable: string | undefined): string | undefined {
    if (variable === undefined) return undefined;
    const meant = didYouMean(variable, this.#options.variableNames);
    const fallback = `set it, put it in .env, or write \${${variable}:-default}`;
    return meant === undefined ? fallback : `did you mean \`${meant}\`? Or ${fallback}`;
  }
}

function isMerge({ value }: Scalar): boolean {
  return value === "<<" || typeof value === "symbol";
}

function isName(key: unknown): key is Scalar {
  return isScalar(key) && key.value !== null && typeof key.value !== "object" && !isMerge(key);
}

function nameOf(key: Scalar): string {
  return key.source ?? String(key.value);
}

/** Same as `pathText`, kept apart because paths may hold any key. */
export function placeOf(path: Path): string {
  return JSON.stringify(path);
}

function yamlMessage(code: string, message: string): string {
  if (code === "TAB_AS_INDENT") return "a tab is used to indent";
  return `this is not YAML: ${message.split("\n")[0]?.toLowerCase() ?? code}`;
}

function yamlHint(code: string): string | undefined {
  return code === "TAB_AS_INDENT" ? "YAML indents with spaces" : undefined;
}
