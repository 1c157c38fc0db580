import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { parse as parseDotenv } from "dotenv";
import { type Bytes, parseBytes } from "../base/bytes.ts";
import { cutValues } from "../base/cut-values.ts";
import { type Duration, milliseconds, parseDuration } from "../base/duration.ts";
import type { CommandDocument, EnvDocument } from "./document.ts";
import type { PortBinding, VolumeMount } from "./model.ts";
import { placeOf } from "./parse.ts";
import type { Path, Problems } from "./problems.ts";
import { splitWords } from "./split-words.ts";

/** What the readers of single values share. */
export interface Reading {
  readonly problems: Problems;
  /** The text of each scalar as it was written. */
  readonly texts: ReadonlyMap<string, string>;
  readonly directory: string;
}

export function readDuration(reading: Reading, path: Path, text: string | undefined, fallback: number): Duration {
  if (text === undefined) return milliseconds(fallback);
  const duration = parseDuration(text);
  if (duration !== undefined) return duration;
  const hint = /^\d+$/.test(text) ? `did you mean \`${text}s\`?` : "write it like 500ms, 30s, 5m or 1h30m";
  reading.problems.error(path, `"${text}" is no duration: a number with a unit is wanted`, hint);
  return milliseconds(fallback);
}

/** How long something may take: none at all would be a mistake, for nothing is over in no time. */
export function readLimit(reading: Reading, path: Path, text: string | undefined, fallback: number): Duration {
  const limit = readDuration(reading, path, text, fallback);
  if (limit === 0) reading.problems.error(path, `"${text}" is no time at all`, "write it like 500ms, 30s, 5m or 1h30m");
  return limit;
}

export function readBytes(reading: Reading, path: Path, value: string | number | undefined): Bytes | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  const bytes = parseBytes(text);
  // Below this no container starts (Engine API: "Minimum memory limit allowed is 6MB").
  if (bytes !== undefined && bytes >= 6 * 1024 * 1024) return bytes;
  const message =
    bytes === undefined ? `"${text}" is no size` : `"${text}" is too little memory: engines want at least 6m`;
  reading.problems.error(
    path,
    message,
    /^\d+$/.test(text) ? `did you mean \`${text}m\`?` : "write it like 512m or 1.5g",
  );
  return undefined;
}

export function readCommand(
  reading: Reading,
  path: Path,
  value: CommandDocument | undefined,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") return value;
  const words = splitWords(value);
  if (words !== undefined && words.length > 0) return words;
  reading.problems.error(path, "a quote is opened and not closed", "write the command as a list of words instead");
  return undefined;
}

/** A map or a list of `NAME=value`; values are the texts as written, so that `1.10` stays `1.10`. */
export function readEnv(reading: Reading, path: Path, value: EnvDocument | undefined): Record<string, string> {
  if (value === undefined) return {};
  if (isList(value)) {
    return Object.fromEntries(
      value.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, reading.texts.get(placeOf([...path, name])) ?? String(inner)]),
  );
}

export function readEnvFiles(
  reading: Reading,
  path: Path,
  value: string | readonly string[] | undefined,
): Record<string, string> {
  const files = value === undefined ? [] : typeof value === "string" ? [value] : value;
  const env: Record<string, string> = {};
  for (const [index, file] of files.entries()) {
    const at = typeof value === "string" ? path : [...path, index];
    try {
      const text = readFileSync(isAbsolute(file) ? file : resolve(reading.directory, file), "utf8");
      const values = parseDotenv(text);
      Object.assign(env, values);
      for (const name of cutValues(text, values)) {
        const message = `${file}: ${name} ends before its #, what follows is a comment`;
        reading.problems.warning(at, message, "put the value in quotes if it is not");
      }
    } catch (error) {
      const why =
        error instanceof Error && "code" in error && error.code === "ENOENT"
          ? "there is no such file"
          : "it cannot be read";
      reading.problems.error(at, `${file}: ${why}`, "paths are relative to the environment file");
    }
  }
  return env;
}

export function readPorts(
  reading: Reading,
  path: Path,
  value: readonly (string | number)[] | undefined,
): PortBinding[] {
  return (value ?? []).flatMap((entry, index): PortBinding[] => {
    const text = reading.texts.get(placeOf([...path, index])) ?? String(entry);
    const match = /^(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
    const numbers = [Number(match?.[2]), Number(match?.[3])];
    if (!match || numbers.some((number) => !(number >= 1 && number <= 65_535))) {
      const hint = /^\d+$/.test(text)
        ? `did you mean "${text}:${text}"?`
        : 'write "8080:80", "127.0.0.1:8080:80" or "53:53/udp", ports from 1 to 65535';
      reading.problems.error([...path, index], `"${text}" is no port to publish`, hint);
      return [];
    }
    const [hostPort = 0, containerPort = 0] = numbers;
    return [
      {
        address: match[1]?.replace(/[[\]]/g, ""),
        hostPort,
        containerPort,
        protocol: match[4] === "udp" ? "udp" : "tcp",
      },
    ];
  });
}

export function readVolumes(reading: Reading, path: Path, value: readonly string[] | undefined): VolumeMount[] {
  const targets = new Set<string>();
  return (value ?? []).flatMap((text, index): VolumeMount[] => {
    const match = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
    const source = match?.[1] ?? "";
    const target = (match?.[2] ?? "").replace(/(?<=.)\/+$/, "");
    const named = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,60}$/.test(source);
    if (!match || (!named && !source.startsWith("/"))) {
      const hint = source.startsWith(".")
        ? "hosts do not have the folder of this file: name a volume, or give an absolute path on the host"
        : "write name:/path, or /host/path:/path, with :ro to forbid writing";
      reading.problems.error([...path, index], `"${text}" is no volume`, hint);
      return [];
    }
    if (targets.has(target)) reading.problems.error([...path, index], `${target} is mounted twice`);
    targets.add(target);
    return [{ kind: named ? "volume" : "bind", source, target, readOnly: match[3] === "ro" }];
  });
}

function isList(value: EnvDocument): value is readonly string[] {
  return Array.isArray(value);
}
