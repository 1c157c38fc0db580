/** Takes secret values out of text, in any form in which programs print them. */
export interface Redactor {
  /** `text` may be one line of a longer stream: lines of values that span several are masked one by one. */
  redact(text: string): string;
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
  return [
    value.trim(),
    ...(/[\r\n]/.test(value) ? value.split(/\r?\n/).map((line) => line.trim()) : []),
    ...percentForms(value),
    ...quotedForms(value),
    ...jsonForms(value),
    ...base64Forms(value),
  ];
}

/** How languages write a value into a URL: they differ in the marks that they leave as they are. */
function percentForms(value: string): readonly string[] {
  // Through bytes: a lone surrogate would make encodeURIComponent throw.
  const encoded = encodeURIComponent(Buffer.from(value).toString());
  // RFC 3986 reserves more than JavaScript encodes: Go, Python, PHP and others encode these, too.
  const strict = encoded.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  return [encoded, strict, asPassword(value)]
    .flatMap((form) => [form, form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())])
    .flatMap((form) => [form, form.replaceAll("%20", "+")]);
}

/** As browsers and Node write it into an address (URL Standard §userinfo percent-encode set). */
function asPassword(value: string): string {
  const url = new URL("http://host");
  url.password = value;
  return url.password;
}

/** Between quotes of their kind: as bash traces a script (`set -x`), dash and bash print variables, and Python and PHP values. */
function quotedForms(value: string): readonly string[] {
  return [
    value.replaceAll("'", String.raw`'\''`),
    value.replaceAll("'", `'"'"'`),
    value.replace(/["\\$`]/g, String.raw`\$&`),
    value.replace(/['\\]/g, String.raw`\$&`),
  ];
}

/** How languages write a value into JSON: all are the same value. */
function jsonForms(value: string): readonly string[] {
  const text = JSON.stringify(value).slice(1, -1);
  const ascii = escaped(text, /[\u007f-\uffff]/g);
  return [
    text,
    // Go and Ruby make it fit for a page.
    escaped(text, /[<>&\u2028\u2029]/g),
    // Python, and PHP with its slashes.
    ascii,
    ascii.replaceAll("/", "\\/"),
  ];
}

function escaped(text: string, characters: RegExp): string {
  return text.replace(characters, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
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
