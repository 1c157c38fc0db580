import type { Path, Problems } from "./problems.ts";

/** Plain words that mean something else in YAML 1.1, or to a person, than they do here. */
export function warnOfSurprises(path: Path, value: unknown, text: string | undefined, problems: Problems): void {
  if (text === undefined) return;
  // Of these words the format itself has one, as a text.
  const isMeant = path.at(-1) === "tls" && text === "off";
  if (typeof value === "string" && !isMeant && /^(?:y|yes|n|no|on|off)$/i.test(text)) {
    problems.warning(
      path,
      `\`${text}\` is the text "${text}" here (YAML 1.2), not true or false`,
      `write "${text}" in quotes to say so`,
    );
  }
  if (typeof value === "number" && /^0\d+$/.test(text)) {
    problems.warning(
      path,
      `\`${text}\` is ${value} as a number and "${text}" as a text: it is not octal`,
      "quote it, or drop the zero",
    );
  }
  if (typeof value === "number" && /^\d+\.\d*0$/.test(text)) {
    problems.warning(
      path,
      `\`${text}\` is the number ${value}; as a text it is kept as "${text}"`,
      "write it in quotes to say so",
    );
  }
}
