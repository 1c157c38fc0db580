import { formatDuration } from "../../base/duration.ts";
import { cleanLine } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { ageOf, type StepState } from "./step-tree.ts";
import { displayWidth, shorten } from "./width.ts";

/** From this age on a running step shows its age, so that a person sees that it is alive. Milliseconds. */
const showsAgeFrom = 2000;

/** Columns and lines there are, and their colours. */
interface Room {
  readonly paint: Paint;
  readonly columns: number;
  readonly lines: number;
}

interface Entry {
  readonly step: StepState;
  readonly depth: number;
}

/** What is under way below a step, a line each; where there is too little room, what is done gives way first. */
export function liveLines(top: StepState, room: Room): string[] {
  if (top.children.length === 0) {
    return top.text === undefined ? [] : [room.paint("dim", shorten(cleanLine(top.text), room.columns))];
  }
  const entries = entriesBelow(top, 0);
  if (entries.length <= room.lines) return entries.map((entry) => stepLine(entry, room));
  const done = entries.filter(({ step }) => step.status === "done");
  const hidden = new Set([...done, ...entries].slice(0, entries.length - room.lines + 1));
  const shown = entries.filter((entry) => !hidden.has(entry)).slice(-room.lines + 1);
  return [more(entries.length - shown.length, room), ...shown.map((entry) => stepLine(entry, room))];
}

/** What stays on the screen of a step that has ended: its parts with their times; of what failed, down to the cause. */
export function endLines(top: StepState, room: Room): string[] {
  const entries = entriesBelow(top, 0).filter(({ step, depth }) => depth === 0 || step.status === "failed");
  // One part that went well took as long as the whole.
  if (entries.length === 1 && entries[0]?.step.status === "done") return [];
  if (entries.length <= room.lines) return entries.map((entry) => stepLine(entry, room));
  const shown = entries.slice(-room.lines + 1);
  return [more(entries.length - shown.length, room), ...shown.map((entry) => stepLine(entry, room))];
}

/** `title 12s`, and once it is done `title (note) 1.2s` */
export function titleLine(step: StepState, { paint, columns }: Pick<Room, "paint" | "columns">): string {
  const elapsed = ageOf(step);
  const age = step.status === "running" && elapsed < showsAgeFrom ? "" : ` ${formatDuration(elapsed)}`;
  const title = shorten(cleanLine(step.title), columns - displayWidth(age));
  const rest = columns - displayWidth(title + age);
  const text = shorten(remark(step), rest);
  return `${title}${paint("dim", (rest > 4 ? text : "") + age)}`;
}

/** What is said beside the title. The cause of a failure is told where it happened, not again by all it brought down. */
function remark(step: StepState): string {
  if (step.text === undefined || step.parent === undefined) return noteOf(step);
  if (step.status === "done") return noteOf(step);
  if (step.children.some((child) => child.status === "failed")) return "";
  return `${step.status === "failed" ? ":" : ""} ${cleanLine(step.text)}`;
}

function noteOf(step: StepState): string {
  return step.status === "done" && step.text !== undefined ? ` (${cleanLine(step.text)})` : "";
}

/** All steps below that matter now: of a step that is done, not its parts. */
function entriesBelow(step: StepState, depth: number): Entry[] {
  return step.children.flatMap((child) => [
    { step: child, depth },
    ...(child.status === "done" ? [] : entriesBelow(child, depth + 1)),
  ]);
}

function stepLine({ step, depth }: Entry, { paint, columns }: Room): string {
  const mark = { running: "›", done: paint("green", "✓"), failed: paint("red", "✗") }[step.status];
  const indent = "  ".repeat(depth);
  return `${indent}${mark} ${titleLine(step, { paint, columns: columns - indent.length - 2 })}`;
}

function more(count: number, { paint }: Room): string {
  return paint("dim", `… ${count} more`);
}
