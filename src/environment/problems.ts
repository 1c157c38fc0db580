import type { Node } from "yaml";
import type { Problem, SourcePosition } from "./model.ts";
import type { Source } from "./source.ts";

/** A path in the document: `["stages", "prod", "hosts", 1]`. */
export type Path = readonly (string | number)[];

/** `stages.prod.hosts[1]` */
export function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${part}`))
    .join("");
}

interface Place {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

/** Collects every mistake, each with its place in the source. */
export class Problems {
  readonly source: Source;
  readonly #list: Problem[] = [];
  readonly #places = new Map<string, Place>();
  readonly #reasons = new Map<string, () => void>();

  constructor(source: Source) {
    this.source = source;
  }

  /** Remembers where a path stands in the file. */
  locate(path: Path, key: Node | undefined, value: Node | undefined): void {
    this.#places.set(pathText(path), { key, value });
  }

  /** Says that the value at the path is wrong, or the reason for it that is known already. */
  error(path: Path, message: string, hint?: string): void {
    const reason = this.#reasons.get(pathText(path));
    if (reason) reason();
    else this.#add("error", path, "value", message, hint);
  }

  /** What is said in place of any mistake in the value at the path, and not at all where there is none. */
  because(path: Path, reason: () => void): void {
    this.#reasons.set(pathText(path), reason);
  }

  /** Says that the key itself is wrong. */
  keyError(path: Path, message: string, hint?: string): void {
    this.#add("error", path, "key", message, hint);
  }

  warning(path: Path, message: string, hint?: string): void {
    this.#add("warning", path, "key", message, hint);
  }

  at(severity: Problem["severity"], start: number, end: number, path: Path, message: string, hint?: string): void {
    const position = this.source.position(start);
    const length = Math.max(1, [...(this.source.text.slice(start, end).split("\n")[0] ?? "")].length);
    this.#list.push({ severity, position, length, path: pathText(path), message, hint });
  }

  #add(severity: Problem["severity"], path: Path, part: "key" | "value", message: string, hint?: string): void {
    const [start, end] = this.#range(path, part);
    this.at(severity, start, end, path, message, hint);
  }

  /** The nearest place that is in the file: a key that is missing is shown at what should have it. */
  #range(path: Path, part: "key" | "value"): [number, number] {
    for (let length = path.length; length >= 0; length -= 1) {
      const place = this.#places.get(pathText(path.slice(0, length)));
      if (!place) continue;
      const exact = length === path.length && part === "value";
      const node = exact ? (place.value ?? place.key) : (place.key ?? place.value);
      if (node?.range) return [node.range[0], node.range[1]];
    }
    return [0, 1];
  }

  /** Where the value at the path stands, or else the nearest thing that is in the file. */
  position(path: Path): SourcePosition {
    return this.source.position(this.#range(path, "value")[0]);
  }

  get hasErrors(): boolean {
    return this.#list.some((problem) => problem.severity === "error");
  }

  /** Paths of all errors: also of those that the list has once, because they are said of one place in the same words. */
  wrongPaths(): Set<string> {
    return new Set(this.#list.flatMap(({ severity, path }) => (severity === "error" ? [path] : [])));
  }

  /** In the order of the file, each once. */
  list(): Problem[] {
    const seen = new Set<string>();
    return [...this.#list]
      .sort((left, right) => left.position.line - right.position.line || left.position.column - right.position.column)
      .filter((problem) => {
        const key = JSON.stringify([problem.position, problem.message]);
        return !seen.has(key) && seen.add(key);
      });
  }
}
