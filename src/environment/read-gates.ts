import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseBytes } from "../base/bytes.ts";
import { didYouMean } from "../base/suggest.ts";
import type { GatesDocument } from "./document.ts";
import { type Approvals, type Gates, type ImageRules, noGates, type Window } from "./gates.ts";
import type { Path } from "./problems.ts";
import { readFreezes } from "./read-freezes.ts";
import { type Reading, readDuration } from "./read-values.ts";
import { parseWindow } from "./read-window.ts";

/** What holds a promotion back. Nothing is promoted to a first stage, so that there they would be a promise not kept. */
export function readGates(
  reading: Reading,
  path: Path,
  document: GatesDocument | undefined,
  stage: { readonly name: string; readonly first: boolean },
): Gates {
  if (document === undefined) return noGates;
  if (stage.first) {
    reading.problems.keyError(
      path,
      `\`${stage.name}\` is a first stage: nothing is promoted to it, so gates would hold nothing back`,
      "put them into a stage that comes after another, or say with `after` which stage this one comes after",
    );
    return noGates;
  }
  return {
    soak: optionalDuration(reading, [...path, "soak"], document.soak),
    approvals: readApprovals(reading, [...path, "approvals"], document.approvals),
    windows: readWindows(reading, [...path, "window"], document.window),
    freezes: readFreezes(reading, [...path, "freezes"], document.freezes),
    maxAge: optionalDuration(reading, [...path, "max_age"], document.max_age),
    git: {
      clean: document.git?.clean ?? false,
      branches: document.git?.branches ?? [],
      signed: document.git?.signed ?? false,
    },
    image: readImageRules(reading, [...path, "image"], document.image),
    provenance: document.provenance ?? false,
    overridable: document.overridable ?? [],
  };
}

function optionalDuration(reading: Reading, path: Path, text: string | undefined) {
  return text === undefined ? undefined : readDuration(reading, path, text, 0);
}

function readApprovals(reading: Reading, path: Path, document: GatesDocument["approvals"]): Approvals | undefined {
  if (document === undefined) return undefined;
  const { count, by, not_author } = typeof document === "number" ? { count: document } : document;
  const keys = keyNames(reading.directory);
  if (keys.length === 0) {
    reading.problems.warning(
      path,
      "approvals need keys, and this environment has none: nobody can approve",
      "envctl keys init makes one; commit .envctl/keys",
    );
  }
  for (const [index, name] of (by ?? []).entries()) {
    if (keys.length === 0 || keys.includes(name)) continue;
    const meant = didYouMean(name, keys);
    const message = `there is no key \`${name}\` in .envctl/keys${meant ? `; did you mean \`${meant}\`?` : ""}`;
    reading.problems.warning([...path, "by", index], message, `there are: ${keys.join(", ")}`);
  }
  if (by && by.length < count) {
    reading.problems.error(
      [...path, "count"],
      `${count} must approve, but only ${by.length} may`,
      "name more keys in `by`, or take a smaller `count`",
    );
  }
  return { count, by, notAuthor: not_author ?? false };
}

/** Only whether they are there: what is in them matters when somebody approves. */
function keyNames(directory: string): string[] {
  try {
    const files = readdirSync(join(directory, ".envctl", "keys")).filter((name) => name.endsWith(".pub"));
    return files.map((name) => name.slice(0, -".pub".length));
  } catch {
    // There need not be a folder; one that cannot be read is told of when keys are needed.
    return [];
  }
}

function readWindows(reading: Reading, path: Path, document: GatesDocument["window"]): Window[] {
  if (document === undefined) return [];
  const texts = typeof document === "string" ? [document] : document;
  return texts.flatMap((text, index): Window[] => {
    const window = parseWindow(text);
    if (!("wrong" in window)) return [window];
    reading.problems.error(typeof document === "string" ? path : [...path, index], window.wrong, window.hint);
    return [];
  });
}

function readImageRules(reading: Reading, path: Path, document: GatesDocument["image"] = {}): ImageRules {
  const { vulnerabilities, sbom } = document;
  return {
    nonRoot: document.non_root ?? false,
    noLatestBase: document.no_latest_base ?? false,
    maxSize: readMaxSize(reading, [...path, "max_size"], document.max_size),
    vulnerabilities: vulnerabilities && {
      max: vulnerabilities.max,
      maxAge: optionalDuration(reading, [...path, "vulnerabilities", "max_age"], vulnerabilities.max_age),
    },
    sbom: sbom && {
      required: sbom.required ?? true,
      forbid: sbom.forbid ?? [],
      forbidLicenses: sbom.licenses?.forbid ?? [],
    },
  };
}

function readMaxSize(reading: Reading, path: Path, value: string | number | undefined): ImageRules["maxSize"] {
  if (value === undefined) return undefined;
  const text = String(value);
  const bytes = parseBytes(text);
  if (bytes !== undefined && bytes > 0 && !/^\d+$/.test(text)) return { bytes, text };
  const hint = /^\d+$/.test(text) ? `did you mean \`${text}m\`?` : "write it like 500m or 1.5g";
  reading.problems.error(path, `"${text}" is no size: a number with a unit is wanted`, hint);
  return undefined;
}
