import { formatBytes } from "../../base/bytes.ts";
import { isDigest, shortDigest } from "../../base/digest.ts";
import type { CommitsBetween } from "../../build/commits-between.ts";
import { type ImageLayer, type LayerComparison, sizeOf } from "../../plan/compare-images.ts";
import type { StageComparison, StageDifference } from "../../plan/compare-stages.ts";
import type { Context } from "../verb.ts";
import { cleanLine } from "./clean.ts";
import { renderSides, wrap } from "./sides.ts";
import { shorten } from "./width.ts";

/** How two stages differ. */
export interface DiffView extends StageComparison {
  readonly left: string;
  readonly right: string;
  readonly commits: CommitsBetween;
  /** Undefined where not both images are known. */
  readonly layers: LayerComparison | undefined;
}

/** The comparison for people: from what runs to what it runs with. */
export function renderDiff(view: DiffView, room: Pick<Context, "paint" | "width">): string {
  const { left, right, differences, unknown } = view;
  const { paint, width } = room;
  const section = (name: StageDifference["section"]) => {
    const rows = differences.filter((difference) => difference.section === name);
    if (rows.length === 0) return [];
    const shown = rows.map(({ what, left: one, right: other }) => {
      const [short, otherShort] = [valueText(one), valueText(other)];
      // What differs must look different.
      if (short === otherShort) return { what, left: cleanLine(one ?? ""), right: cleanLine(other ?? "") };
      return { what, left: short, right: otherShort };
    });
    return [renderSides(name, { left, right }, shown, room)];
  };
  const notes = unknown.flatMap((text) =>
    wrap(text, width - 2).map((line, index) => `${index === 0 ? "?" : " "} ${line}`),
  );
  const parts = [
    ...section("release"),
    ...commitLines(view, room),
    ...layerLines(view, room),
    ...section("configuration"),
    ...section("environment"),
    ...section("services"),
    ...(notes.length > 0 ? [notes.map((line) => paint("yellow", line)).join("\n")] : []),
  ];
  if (differences.length === 0 && unknown.length === 0) return `${left} and ${right} are alike`;
  return parts.join("\n\n");
}

function valueText(value: string | null): string {
  if (value === null) return "none";
  if (isDigest(value)) return shortDigest(value);
  if (/^[0-9a-f]{40,64}$/.test(value)) return value.slice(0, 12);
  if (/^\d{4}-\d\d-\d\dT\S+Z$/.test(value)) return value.replace(/\.\d+Z$/, "Z");
  const size = /^(\d+) bytes$/.exec(value)?.[1];
  return size === undefined ? cleanLine(value) : formatBytes(Number(size));
}

function commitLines({ left, right, commits }: DiffView, { paint, width }: Pick<Context, "paint" | "width">): string[] {
  if ("unknown" in commits) return [wrap(`commits between: not known; ${commits.unknown}`, width).join("\n")];
  const listed = (side: "left" | "right", heading: string) => {
    const found = commits.commits.filter((commit) => commit.side === side);
    const lines = found.map(({ id, author, subject }) => {
      const room = Math.max(10, width - 10);
      return `  ${paint("dim", id.slice(0, 7))} ${shorten(cleanLine(`${author}: ${subject}`), room)}`;
    });
    return lines.length === 0 ? [] : [[heading, ...lines].join("\n")];
  };
  return [
    ...listed("left", `commits in ${left} that ${right} has not:`),
    ...listed("right", `commits in ${right} that ${left} has not:`),
  ];
}

function layerLines({ left, right, layers }: DiffView, { paint, width }: Pick<Context, "paint" | "width">): string[] {
  if (!layers || layers.added.length + layers.removed.length === 0) return [];
  const { shared, added, removed } = layers;
  const line = (mark: string, colour: "green" | "red") => (layer: ImageLayer) => {
    const size = formatBytes(layer.size).padStart(8);
    const words = shorten(cleanLine(layer.instruction ?? layer.digest), Math.max(10, width - 14));
    return `  ${paint(colour, mark)} ${size}  ${words}`;
  };
  const heading = `layers: ${shared.length} shared (${formatBytes(sizeOf(shared))}), ${added.length} in ${left} alone (+), ${removed.length} in ${right} alone (-)`;
  return [[...wrap(heading, width), ...added.map(line("+", "green")), ...removed.map(line("-", "red"))].join("\n")];
}
