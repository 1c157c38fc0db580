import { didYouMean } from "../base/suggest.ts";
import type { StageDocument } from "./document.ts";
import type { Path, Problems } from "./problems.ts";

/** Each stage with those it comes after, in the order of promotion; stages of equal rank keep the order of the file. */
export function orderStages(
  stages: Readonly<Record<string, StageDocument | null>>,
  path: Path,
  problems: Problems,
): { readonly name: string; readonly after: readonly string[] }[] {
  const names = Object.keys(stages);
  const explicit = names.some((name) => stages[name]?.after !== undefined);
  const after = new Map(
    names.map((name, index) => {
      const given = stages[name]?.after;
      // One `after` anywhere turns the chain off for none of the others: each still follows the one above it.
      const chain = index > 0 ? [names[index - 1] ?? ""] : [];
      return [name, given === undefined ? chain : [given].flat()] as const;
    }),
  );
  for (const [name, before] of after) {
    for (const [index, other] of before.entries()) {
      const at = Array.isArray(stages[name]?.after) ? [...path, name, "after", index] : [...path, name, "after"];
      requireStage(problems, at, other, names);
    }
  }
  const ordered: string[] = [];
  let left = names;
  while (left.length > 0) {
    const ready = left.find((name) =>
      (after.get(name) ?? []).every((other) => ordered.includes(other) || !names.includes(other)),
    );
    if (ready === undefined) {
      const circle = findCircle(left, after);
      const [start = ""] = circle;
      problems.error(
        [...path, start, ...(explicit ? ["after"] : [])],
        `the stages run in a circle: ${[...circle, start].join(" → ")}`,
        "a stage cannot come after itself",
      );
      break;
    }
    ordered.push(ready);
    left = left.filter((name) => name !== ready);
  }
  return ordered.map((name) => ({ name, after: after.get(name) ?? [] }));
}

function findCircle(names: readonly string[], after: ReadonlyMap<string, readonly string[]>): string[] {
  const trail: string[] = [];
  let current = names[0];
  while (current !== undefined && !trail.includes(current)) {
    trail.push(current);
    current = (after.get(current) ?? []).find((other) => names.includes(other));
  }
  return current === undefined ? trail : trail.slice(trail.indexOf(current));
}

/** Reports a name that is none of the stages'. */
export function requireStage(problems: Problems, path: Path, name: string, stages: readonly string[]): void {
  if (stages.includes(name)) return;
  const meant = didYouMean(name, stages);
  problems.error(
    path,
    `there is no stage \`${name}\`${meant ? `; did you mean \`${meant}\`?` : ""}`,
    `the stages are: ${stages.join(", ")}`,
  );
}
