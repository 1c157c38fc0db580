import { formatBytes } from "../../base/bytes.ts";
import { formatDuration } from "../../base/duration.ts";
import type { DevEvent } from "../../dev/dev-event.ts";
import { clean, cleanLine } from "../view/clean.ts";
import { renderError } from "../view/error.ts";
import type { Paint } from "../view/paint.ts";

type Told = Exclude<DevEvent, { type: "log" | "status" }>;
type Of<Type extends DevEvent["type"]> = Extract<DevEvent, { readonly type: Type }>;

const namesShown = 3;

/** What a person reads of an event: its lines, fit for a terminal. */
export function eventLines(event: Told, paint: Paint): readonly string[] {
  const good = paint("green", "✓");
  const bad = paint("red", "✗");
  const plain = paint("dim", "·");
  switch (event.type) {
    case "serving": {
      const how = event.built ? "built" : "nothing to build";
      const where = event.url === undefined ? "" : ` at ${paint("cyan", event.url)}`;
      const took = paint("dim", `(${how}, ${formatDuration(event.milliseconds)})`);
      return [`${good} ${paint("bold", event.release)} serves${where} ${took}`];
    }
    case "rebuilding":
      return event.why.map((why) => `${plain} rebuild: ${cleanLine(why)}`);
    case "cancelled":
      return [`${plain} the build was cancelled: something newer is wanted`];
    case "failed":
      return [
        ...renderError(event.error, paint).split("\n"),
        ...(event.serving === undefined ? [] : [`  ${event.serving} still serves; the next change is tried again`]),
      ];
    case "synced":
      return syncedLines(event, paint);
    case "refused":
      return [`${paint("yellow", "!")} ${cleanLine(event.path)} could not be written: ${cleanLine(event.why)}`];
    case "ran": {
      const { exitCode } = event;
      const end = exitCode === undefined ? "could not be started" : exitCode === 0 ? "" : `ended with ${exitCode}`;
      const took = paint("dim", formatDuration(event.milliseconds));
      const head = `${exitCode === 0 ? good : bad} ${cleanLine(event.command.join(" "))} ${end === "" ? took : end}`;
      return [head, ...event.output.map((line) => `  ${paint("dim", "│")} ${clean(line)}`)];
    }
    case "restarted": {
      const killed = event.killed ? "; it does not listen to its stop signal, and was killed at once" : "";
      return [`${plain} restarted ${paint("dim", `(${formatDuration(event.milliseconds)}${killed})`)}`];
    }
    case "container": {
      const mark = event.change === "started" ? good : bad;
      const next = event.change === "gone" ? "; b builds and starts it again" : "";
      return [
        `${mark} ${event.workload} ${cleanLine(event.text)}${next}`,
        ...event.lines.map((line) => `  ${paint("dim", "│")} ${clean(line)}`),
      ];
    }
    case "engine":
      return [
        event.reachable
          ? `${good} ${event.host} ${event.text}`
          : `${bad} ${event.host} does not answer: ${cleanLine(event.text)}; it is tried again`,
      ];
    case "note":
      return [`${paint("yellow", "!")} ${clean(event.text)}`];
    case "forwarded":
      return event.problem === undefined
        ? [`${plain} port ${event.port} of this machine leads to ${event.host}`]
        : [`${bad} port ${event.port} does not lead to ${event.host}: ${cleanLine(event.problem)}`];
  }
}

function syncedLines(event: Of<"synced">, paint: Paint): readonly string[] {
  const { files, times, problem } = event;
  const names = files.slice(0, namesShown).map(cleanLine).join(", ");
  const more = files.length > namesShown ? ` and ${files.length - namesShown} more` : "";
  const bytes = files.length > namesShown ? `, ${formatBytes(event.bytes)}` : "";
  const git = event.heldByGit > 0 ? `git ${formatDuration(event.heldByGit)}, ` : "";
  const restarted = times.restarted === undefined ? "" : `, restarted ${formatDuration(times.restarted)}`;
  const ready = problem === undefined ? `, ready ${formatDuration(times.ready)}` : "";
  const sent = `detected ${formatDuration(times.detected)}, sent ${formatDuration(times.sent)}`;
  const head = `${names}${more} ${paint("dim", `(${git}${sent}${restarted}${ready}${bytes})`)}`;
  if (problem === undefined) return [`${paint("green", "✓")} ${head}`];
  return [`${paint("red", "✗")} ${head}`, `  ${paint("red", cleanLine(problem))}`];
}
