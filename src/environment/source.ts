import type { SourcePosition } from "./model.ts";

/** The text of an environment file, and where its lines begin. */
export class Source {
  readonly file: string;
  readonly text: string;
  readonly #lines: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  /** One-based line and column of an offset, columns in characters as editors count them. */
  position(offset: number): SourcePosition {
    let low = 0;
    let high = this.#lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const start = this.#lines[low] ?? 0;
    return { file: this.file, line: low + 1, column: [...this.text.slice(start, offset)].length + 1 };
  }

  /** The line's text, without its end. Lines count from 1. */
  line(number: number): string {
    const start = this.#lines[number - 1] ?? this.text.length;
    const end = this.#lines[number] ?? this.text.length + 1;
    return this.text.slice(start, end - 1).replace(/\r$/, "");
  }
}
