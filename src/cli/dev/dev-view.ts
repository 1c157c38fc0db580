import type { ProgressListener } from "../../base/progress.ts";
import type { DevEvent, DevListener } from "../../dev/dev-event.ts";
import type { Context } from "../verb.ts";
import { errorDocument } from "../view/error.ts";
import { devProgress } from "./dev-progress.ts";
import { eventLines } from "./event-lines.ts";
import { LogLines } from "./log-lines.ts";
import { Screen } from "./screen.ts";
import { statusLine } from "./status-line.ts";

/** Everything that the dev loop shows, in one of three forms. */
export interface DevView {
  /** Of builds and deployments. */
  readonly progress: ProgressListener;
  readonly listener: DevListener;
  /** Undefined where there is no person at a terminal. */
  readonly screen: Screen | undefined;
  readonly logs: LogLines | undefined;
  /** Said once the workloads are known. */
  expect(shape: { readonly workloads: readonly string[]; readonly severalHosts: boolean }): void;
  close(): void;
}

/** One JSON document a line on stdout. */
export function jsonView({ write, clock }: Pick<Context, "write" | "clock">): DevView {
  let last = "";
  const tell = (document: object) => write(jsonLine(document));
  return {
    progress: (event) => {
      if (event.type === "warning") tell({ event: "warning", at: clock.now().toISOString(), text: event.message });
    },
    listener: (event) => {
      const at = clock.now().toISOString();
      if (event.type !== "status") return tell(documentOf(event, at));
      const status = JSON.stringify(event.status);
      if (status === last) return;
      last = status;
      tell({ event: "status", at, ...event.status });
    },
    screen: undefined,
    logs: undefined,
    expect: () => {},
    close: () => {},
  };
}

/** What is not known is null, and milliseconds have one decimal. */
export function jsonLine(document: object): string {
  const values = (_: string, value: unknown) =>
    value === undefined ? null : typeof value === "number" ? Math.round(value * 10) / 10 : value;
  return `${JSON.stringify(document, values)}\n`;
}

function documentOf(event: Exclude<DevEvent, { type: "status" }>, at: string): object {
  const { type, ...rest } = event;
  return event.type === "failed"
    ? { event: type, at, serving: event.serving ?? null, ...(errorDocument(event.error) as object) }
    : { event: type, at, ...rest };
}

/** Lines on stdout, in the order in which things happen; on a terminal with a line of status below them. */
export function textView(context: Context, options: { readonly live: boolean; readonly timestamps: boolean }): DevView {
  const { paint } = context;
  const screen = new Screen(process.stdout, options.live);
  let logs = new LogLines(paint, { workloads: ["app"], severalHosts: false, timestamps: options.timestamps });
  let doing: string | undefined;
  /** Said once for each release. */
  let warned = false;
  let draw = (_columns: number) => "";
  screen.setStatus((columns) => draw(columns));
  return {
    progress: devProgress(
      (line) => screen.print(line),
      (text) => {
        doing = text;
        screen.redraw();
      },
      { paint, verbose: context.options.verbose },
    ),
    listener: (event) => {
      if (event.type === "log") {
        const line = logs.line(event);
        if (line !== undefined) screen.print(line);
      } else if (event.type === "status") {
        const { status } = event;
        if (status.activity !== "building") doing = undefined;
        draw = (columns) => statusLine(status, doing, columns, paint);
        screen.redraw();
      } else if (event.type === "container" && logs.shows(event.workload)) {
        // Its last lines have just been shown.
        screen.print(...eventLines({ ...event, lines: [] }, paint));
      } else {
        screen.print(...eventLines(event, paint));
        if (event.type === "serving") warned = false;
        if (event.type === "synced" && event.different > 0 && !warned) {
          warned = true;
          screen.print(
            `${paint("yellow", "!")} what runs is not what its image holds: envctl up makes a release of it`,
          );
        }
      }
    },
    screen: options.live ? screen : undefined,
    get logs() {
      return logs;
    },
    expect: (shape) => {
      logs = new LogLines(paint, { ...shape, timestamps: options.timestamps });
    },
    close: () => screen.close(),
  };
}
