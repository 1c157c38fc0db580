import { stripVTControlCharacters } from "node:util";
import { displayWidth } from "../view/width.ts";

/** Lines that scroll, and one line below them that stays. Without a terminal there are only lines. */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  #lines: string[] = [];
  #status: (columns: number) => string = () => "";
  /** Columns of the status that is on the screen now; 0 where none is. */
  #drawn = 0;
  #dirty = false;
  #scheduled = false;
  #suspended = false;
  #closed = false;
  readonly #onResize = () => this.#changed();

  constructor(stream: NodeJS.WriteStream, live: boolean) {
    this.#stream = stream;
    this.#live = live;
    if (live) stream.on("resize", this.#onResize);
  }

  get columns(): number {
    return Math.max(20, this.#stream.columns || 80);
  }

  print(...lines: readonly string[]): void {
    this.#lines.push(...lines);
    this.#changed();
  }

  /** Called anew for each drawing, with the columns there are. */
  setStatus(status: (columns: number) => string): void {
    this.#status = status;
    this.redraw();
  }

  /** The status is other than it was. */
  redraw(): void {
    if (this.#live) this.#changed();
  }

  /** Gives the terminal away: lines are kept until `resume`. */
  suspend(): void {
    this.#flush();
    if (this.#drawn > 0) this.#stream.write(this.#erase());
    this.#drawn = 0;
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    // Whoever had it may have left the cursor anywhere in a line.
    this.#stream.write("\r\n");
    this.#changed();
  }

  /** Shows what is left to show, and takes the status away. */
  close(): void {
    this.#suspended = false;
    this.#status = () => "";
    this.#dirty = true;
    this.#flush();
    this.#closed = true;
    this.#stream.off("resize", this.#onResize);
  }

  /** What comes in one go is drawn in one go: a program that prints much must not make the terminal flicker. */
  #changed(): void {
    this.#dirty = true;
    if (this.#scheduled || this.#suspended || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#dirty || this.#suspended || this.#closed) return;
    this.#dirty = false;
    const lines = this.#lines.splice(0).map((line) => `${line}\n`);
    if (!this.#live) {
      if (lines.length > 0) this.#stream.write(lines.join(""));
      return;
    }
    const erase = this.#erase();
    // One column is left free: a line that fills the last one wraps on some terminals.
    const status = this.#status(this.columns - 1);
    this.#drawn = displayWidth(stripVTControlCharacters(status));
    this.#stream.write(`${erase}${lines.join("")}${status}`);
  }

  /** After the window became narrower, the line that was one is several. */
  #erase(): string {
    if (this.#drawn === 0) return "";
    const rows = Math.max(1, Math.ceil(this.#drawn / this.columns));
    return `\r${rows > 1 ? `\u001b[${rows - 1}A` : ""}\u001b[J`;
  }
}
