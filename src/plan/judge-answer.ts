import { formatDuration } from "../base/duration.ts";
import { statusText } from "../environment/resolved-checks.ts";
import type { HttpCheck, TextPattern } from "../environment/verification.ts";

/** What came back for a request. */
export interface Answer {
  readonly status: number;
  /** By name, in lower case; of a header that came several times, all values. */
  readonly headers: Readonly<Record<string, string>>;
  /** Its beginning, where it is long. */
  readonly body: string;
  /** Milliseconds from the request to the last byte. */
  readonly took: number;
}

/** What is wanted of an answer. */
export type Expected = Pick<HttpCheck, "status" | "expectHeaders" | "body" | "within">;

/** Characters of what came that are shown. */
const shown = 120;

/** In what an answer is not as it is wanted, a phrase each: what was got, and what was expected. Empty where it is. */
export function judgeAnswer(expected: Expected, answer: Answer): string[] {
  const wrong: string[] = [];
  const { status, headers, body, took } = answer;
  if (!expected.status.some(({ from, to }) => status >= from && status <= to)) {
    wrong.push(`answered ${status}, expected ${expected.status.map(statusText).join(" or ")}`);
  }
  for (const [name, pattern] of Object.entries(expected.expectHeaders)) {
    const value = headers[name];
    if (value === undefined) wrong.push(`has no header ${name}, expected ${inWords(pattern)}`);
    else if (!matches(pattern, value)) {
      wrong.push(`has the header ${name}: ${shorten(value)}, expected ${inWords(pattern)}`);
    }
  }
  if (expected.body && !matches(expected.body, body)) {
    const got = body.trim() === "" ? "has an empty body" : `has the body ${JSON.stringify(shorten(body.trim()))}`;
    wrong.push(`${got}, expected ${inWords(expected.body)}`);
  }
  if (expected.within !== undefined && took > expected.within) {
    wrong.push(`took ${formatDuration(took)}, expected at most ${formatDuration(expected.within)}`);
  }
  return wrong;
}

function matches({ text, expression }: TextPattern, value: string): boolean {
  return expression ? expression.test(value) : value.includes(text);
}

function inWords({ text, expression }: TextPattern): string {
  return expression ? `a match of ${text}` : `${JSON.stringify(text)} in it`;
}

function shorten(text: string): string {
  return text.length > shown ? `${text.slice(0, shown)}…` : text;
}
