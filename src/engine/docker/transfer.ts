import { formatBytes } from "../../base/bytes.ts";
import type { Progress } from "../../base/progress.ts";
import type { TransferMessage } from "./api-types.ts";

/** Milliseconds between two reports: engines send hundreds of messages a second. */
const reportInterval = 100;

/** Adds up the layers of a pull, push or load, and reports `pulling 34 % (12.0 MB of 35.0 MB)`. */
export class TransferProgress {
  readonly #verb: string;
  readonly #progress: Progress;
  readonly #layers = new Map<string, { current: number; total: number }>();
  #reported = Number.NEGATIVE_INFINITY;
  #shown = "";

  constructor(verb: string, progress: Progress) {
    this.#verb = verb;
    this.#progress = progress;
  }

  add(message: TransferMessage, now = performance.now()): void {
    if (message.id === undefined) return;
    const { current, total } = message.progressDetail ?? {};
    // Unpacking counts the same bytes again: only what travels is counted.
    const travels = /^(?:Downloading|Pushing|Loading layer)/.test(message.status ?? "");
    const layer = this.#layers.get(message.id);
    if (travels && current !== undefined && total !== undefined && total > 0) {
      this.#layers.set(message.id, { current: Math.min(current, total), total });
    } else if (layer && /^(?:Download complete|Verifying|Pull complete|Pushed|Extracting)/.test(message.status ?? "")) {
      layer.current = layer.total;
    } else return;
    if (now - this.#reported < reportInterval) return;
    this.#reported = now;
    const text = this.text();
    if (text !== this.#shown) this.#progress.update(text);
    this.#shown = text;
  }

  text(): string {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    const percent = total === 0 ? 0 : Math.floor((100 * current) / total);
    return `${this.#verb} ${percent} % (${formatBytes(current)} of ${formatBytes(total)})`;
  }
}
