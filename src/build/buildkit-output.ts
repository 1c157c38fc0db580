import type { BuildEvent, BuildOutputReader } from "./output.ts";

/**
 * Reads BuildKit's `--progress=plain`, of docker 20.10's own printer and of buildx: `#5 [build 2/4] RUN make` opens a step,
 * `#5 0.183 text` is its output, `#5 DONE 1.2s`, `#5 CACHED` and `#5 ERROR: …` end it. Steps run side by side, and a step's
 * title is repeated when the output comes back to it.
 */
export class BuildkitOutput implements BuildOutputReader {
  readonly #titles = new Map<string, string>();
  /** Between two fences the failing step's last lines are repeated. */
  #repeating = false;

  read(line: string): readonly BuildEvent[] {
    const match = /^#(\d+) (.*)$/s.exec(line);
    if (match === null) return line === "" ? [] : this.#outside(line);
    const id = match[1] ?? "";
    const text = match[2] ?? "";
    const title = this.#titles.get(id);
    if (title === undefined) {
      this.#titles.set(id, text);
      return [{ type: "step-started", id, title: text, instruction: /^\[(?:\S+ )*\d+\/\d+\] /.test(text) }];
    }
    if (text === title || text === "..." || /^sha256:[0-9a-f]{64}$/.test(text)) return [];
    if (/^DONE \d/.test(text)) return [{ type: "step-done", id, cached: false }];
    if (text === "CACHED") return [{ type: "step-done", id, cached: true }];
    if (text === "CANCELED") return [{ type: "step-failed", id, message: "canceled" }];
    if (text.startsWith("ERROR: ")) return [{ type: "step-failed", id, message: text.slice("ERROR: ".length) }];
    return [{ type: "step-output", id, line: text.replace(/^\d+\.\d+ /, "") }];
  }

  /** It says itself which step failed. */
  end(): readonly BuildEvent[] {
    return [];
  }

  #outside(line: string): readonly BuildEvent[] {
    if (line === "------") {
      this.#repeating = !this.#repeating;
      return [];
    }
    // Docker Desktop's own link comes last, where the reason is looked for.
    if (this.#repeating || line.startsWith("View build details: ")) return [];
    const location = /^(?!\s)\S*?:(\d+)$/.exec(line) ?? /dockerfile parse error(?: on)? line (\d+)/i.exec(line);
    const message: BuildEvent = { type: "message", line };
    return location === null ? [message] : [{ type: "location", line: Number(location[1]) }, message];
  }
}
