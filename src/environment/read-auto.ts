import type { Auto } from "./auto.ts";
import type { StageDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import type { Reading } from "./read-values.ts";

/** The key `auto` of a stage; undefined where nothing happens by itself. */
export function readAuto(
  reading: Reading,
  path: Path,
  document: StageDocument["auto"],
  isFirst: boolean,
): Auto | undefined {
  if (document === undefined || document === false) return undefined;
  const { branch, tags } = document === true ? {} : document;
  for (const [key, value] of Object.entries({ branch, tags })) {
    // As git-check-ref-format(1) has it; a pattern may have * and ? besides.
    const isName =
      value === undefined || /^[^-\s~^:\\[][^\s~^:\\[]*$/.test(key === "tags" ? value : value.replace(/[*?]/g, "["));
    if (isName) continue;
    reading.problems.error(
      [...path, key],
      `"${value}" is no ${key === "tags" ? "pattern of tags" : "name of a branch"}`,
    );
    return undefined;
  }
  if (!isFirst) {
    if (branch === undefined) return { kind: "promote", tags };
    reading.problems.keyError(
      [...path, "branch"],
      "a release comes here by promotion: which branches it may be of, a gate says",
      "`auto: true`, and `gates: { git: { branches: [main] } }`",
    );
    return undefined;
  }
  if (branch !== undefined && tags === undefined) return { kind: "branch", branch };
  if (tags !== undefined && branch === undefined) return { kind: "tags", tags };
  reading.problems.error(
    path,
    "a first stage is built from the sources: of a branch, or of tags",
    "such as { branch: main } or { tags: v* }",
  );
  return undefined;
}
