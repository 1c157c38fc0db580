import { systemClock } from "../../base/clock.ts";
import type { ProgressEvent } from "../../base/progress.ts";
import type { PlainView } from "../view/plain-view.ts";
import type { View } from "../view/view.ts";
import type { CiService } from "./service.ts";

/** Plain lines, with each step of the command in a part of the log that folds; how it ended is told below it. */
export class GroupedView implements View {
  readonly #plain: PlainView;
  readonly #service: CiService;
  readonly #write: (line: string) => void;
  /** The step whose part is open: services know no part within another, so a step beside it has none. */
  #open: number | undefined;

  constructor(plain: PlainView, service: CiService, write: (line: string) => void) {
    this.#plain = plain;
    this.#service = service;
    this.#write = write;
  }

  readonly listener = (event: ProgressEvent): void => {
    const remark =
      event.type === "warning" && event.place && this.#service.remark({ severity: "warning", ...event.place });
    if (remark) {
      this.#write(remark);
      return;
    }
    if (event.type === "step-started" && event.parent === undefined && this.#open === undefined) {
      this.#open = event.step;
      this.#write(this.#service.open(`envctl_${event.step}`, event.title, systemClock.now()));
    } else if ((event.type === "step-done" || event.type === "step-failed") && event.step === this.#open) {
      this.#close();
    }
    this.#plain.listener(event);
  };

  notice(line: string): void {
    this.#plain.notice(line);
  }

  /** A command that ends in the middle of a step leaves no part open: its last words belong below it. */
  async finish(): Promise<void> {
    this.#close();
    await this.#plain.finish();
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#write(this.#service.close(`envctl_${this.#open}`, systemClock.now()));
    this.#open = undefined;
  }
}
