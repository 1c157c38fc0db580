import type { DevEvent } from "../../dev/dev-event.ts";
import { clean } from "../view/clean.ts";
import type { Paint } from "../view/paint.ts";

type LogEvent = Extract<DevEvent, { readonly type: "log" }>;

const colours = ["cyan", "magenta", "yellow", "green", "blue"] as const;

/** What containers print, a colour and a prefix for each workload; and which of them is shown. */
export class LogLines {
  readonly #paint: Paint;
  readonly #workloads: readonly string[];
  readonly #severalHosts: boolean;
  readonly #timestamps: boolean;
  readonly #width: number;
  /** Undefined shows all, `none` nothing. */
  #shown: string | "none" | undefined;

  constructor(
    paint: Paint,
    shape: { readonly workloads: readonly string[]; readonly severalHosts: boolean; readonly timestamps: boolean },
  ) {
    this.#paint = paint;
    this.#workloads = shape.workloads;
    this.#severalHosts = shape.severalHosts;
    this.#timestamps = shape.timestamps;
    this.#width = Math.max(0, ...shape.workloads.map((name) => name.length));
  }

  shows(workload: string): boolean {
    return this.#shown === undefined || this.#shown === workload;
  }

  /** Undefined where its workload is not shown now. */
  line(event: LogEvent): string | undefined {
    const { workload, host, timestamp } = event;
    if (!this.shows(workload)) return undefined;
    const colour = colours[Math.max(0, this.#workloads.indexOf(workload)) % colours.length] ?? "cyan";
    const name = `${workload.padEnd(this.#width)}${this.#severalHosts ? ` ${host}` : ""}`;
    const time = this.#timestamps && timestamp !== undefined ? `${this.#paint("dim", timestamp.slice(0, 23))} ` : "";
    return `${time}${this.#paint(colour, `${name} │`)} ${clean(event.text)}`;
  }

  /** All, then each alone, then none; says what is shown now. */
  next(): string {
    const order = [undefined, ...this.#workloads, "none"];
    this.#shown = order[(order.indexOf(this.#shown) + 1) % order.length];
    if (this.#shown === undefined) return "the output of all is shown";
    return this.#shown === "none" ? "no output is shown" : `only the output of ${this.#shown} is shown`;
  }
}
