import type { StatusDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import type { Reading } from "./read-values.ts";
import type { StatusRange, TextPattern } from "./verification.ts";

/** A text in slashes is an expression, with flags behind it. */
const expressionForm = /^\/(.+)\/([ims]*)$/s;

/** What a text is held against: `/an expression/i`, or what it must contain. */
export function readTextPattern(reading: Reading, path: Path, text: string | undefined): TextPattern | undefined {
  if (text === undefined) return undefined;
  const form = expressionForm.exec(text);
  if (!form) return { text, expression: undefined };
  try {
    return { text, expression: new RegExp(form[1] ?? "", form[2]) };
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*: /, "") : "";
    reading.problems.error(path, `"${text}" is no regular expression: ${why}`, "a text without slashes is contained");
    return undefined;
  }
}

/** `200`, `2xx`, or a list of such; every status from 200 to 299 unless given. */
export function readStatuses(reading: Reading, path: Path, value: StatusDocument | undefined): StatusRange[] {
  const isList = Array.isArray(value);
  const list: readonly (string | number)[] = isList ? value : [(value as string | number | undefined) ?? "2xx"];
  return list.flatMap((one, index): StatusRange[] => {
    const text = String(one);
    if (/^[1-5]xx$/.test(text)) return [{ from: Number(text[0]) * 100, to: Number(text[0]) * 100 + 99 }];
    const status = Number(text);
    if (/^\d{3}$/.test(text) && status >= 100 && status <= 599) return [{ from: status, to: status }];
    reading.problems.error(isList ? [...path, index] : path, `"${text}" is no HTTP status`, "such as 200 or 2xx");
    return [];
  });
}
