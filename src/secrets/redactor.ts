import { EnvctlError } from "../base/errors.ts";

/** Takes secret values out of text, in any form in which programs print them. */
export interface Redactor {
  /** `text` may be one line of a longer stream: lines of values that span several are masked one by one. */
  redact(text: string): string;
}

/** The same error without these: its evidence may be what a program printed. */
export function redactError(error: EnvctlError, redact: Redactor["redact"]): EnvctlError {
  const { code, exitCode, message, where, state, next, evidence, remarks, cause } = error;
  const details = { code, exitCode, where, state, next, remarks, cause };
  return new EnvctlError({ ...details, what: redact(message), evidence: evidence.map(redact) });
}

const mask = "***";

/** Shorter lines and fragments are too common to be told from ordinary text. */
const shortestDerived = 4;

/** Masks these values, and their Base64, URL, JSON and per-line forms. */
export function redactor(values: Iterable<string>): Redactor {
  const forms = new Set<string>();
  for (const value of values) {
    if (value === "") continue;
    forms.add(value);
    for (const form of derivedForms(value)) if (form.length >= shortestDerived) forms.add(form);
  }
  // Longest first, or a value that is part of another would leave the rest of it standing. Plain replacement, no expression:
  // a key of 100 kB makes one too large, and the error would quote it.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return { redact: (text) => ordered.reduce((rest, form) => rest.replaceAll(form, mask), text) };
}

/**
 * Masks what a container was given under these names, in what it prints and its health check says: it may have been made
 * when they had other values than now.
 */
export function redactorOf(env: Readonly<Record<string, string>>, names: readonly string[]): Redactor {
  return redactor(names.flatMap((name) => (Object.hasOwn(env, name) ? [env[name] ?? ""] : [])));
}

function derivedForms(value: string): readonly string[] {
  if (value.length < shortestDerived) return [];
  const encoded = percentEncoded(value);
  return [
    value.trim(),
    ...(/[\r\n]/.test(value) ? value.split(/\r?\n/).map((line) => line.trim()) : []),
    encoded,
    encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    encoded.replaceAll("%20", "+"),
    JSON.stringify(value).slice(1, -1),
    ...base64Forms(value),
  ];
}

function percentEncoded(value: string): string {
  // Through bytes: a lone surrogate would make encodeURIComponent throw.
  return encodeURIComponent(Buffer.from(value).toString());
}

/**
 * Base64 of the value alone, and of the value somewhere inside other data (`user:password`): there it depends on where in a
 * group of three bytes it starts, and its outermost characters on the neighbours.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const forms = [bytes.toString("base64"), bytes.toString("base64").replace(/=+$/, "")];
  for (const offset of [0, 1, 2]) {
    const start = Math.ceil((offset * 4) / 3);
    const end = Math.floor(((offset + bytes.length) * 8) / 6);
    const inner = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .slice(start, end);
    if (inner.length >= 6) forms.push(inner);
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}
