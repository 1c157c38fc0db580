import { textOf } from "../../base/json.ts";
import type { TestCounts } from "./check.ts";

/** What JUnit reports say, all of them together. */
export interface JunitSummary {
  readonly tests: TestCounts;
  /** The first tests that failed, each with what it said. */
  readonly failures: readonly string[];
}

/** A report as it was written. */
export interface Report {
  /** For people. */
  readonly path: string;
  readonly text: string;
}

/** Failed tests that are told. */
const toldFailures = 5;
/** Characters of a failure's message. */
const messageLength = 300;

/**
 * Counts the tests of JUnit XML, whichever tool wrote it: suites in suites, or a suite alone. Where a suite counts more
 * failures than it names (one that could not even be loaded), its own count holds. Throws a `JunitError` for what is none.
 */
export async function summariseJunit(reports: readonly Report[]): Promise<JunitSummary> {
  const { XMLParser, XMLValidator } = await import("fast-xml-parser");
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    textNodeName: "#text",
    parseTagValue: false,
    parseAttributeValue: false,
    isArray: (name) => listed.has(name),
  });
  const failures: string[] = [];
  let tests: TestCounts = nothing;
  for (const { path, text: written } of reports) {
    const text = written.replace(/^\uFEFF/, "");
    const valid = XMLValidator.validate(text);
    if (valid !== true) throw new JunitError(`${path} is no XML: line ${valid.err.line}: ${valid.err.msg}`);
    const root: unknown = parser.parse(text);
    const suites = isElement(root) ? [...elements(root.testsuites), ...elements(root.testsuite)] : [];
    if (suites.length === 0) throw new JunitError(`${path} is no JUnit report: it has no <testsuite>`);
    for (const suite of suites) tests = sum(tests, count(suite, failures));
  }
  const more = tests.failed - toldFailures;
  const told = failures.slice(0, toldFailures);
  return { tests, failures: more > 0 ? [...told, `and ${more} more`] : told };
}

/** A report that cannot be read. */
export class JunitError extends Error {}

type Element = Readonly<Record<string, unknown>>;

const listed = new Set(["testsuites", "testsuite", "testcase", "failure", "error", "skipped"]);
const nothing: TestCounts = { run: 0, failed: 0, skipped: 0 };

function count(suite: Element, failures: string[]): TestCounts {
  let total = nothing;
  for (const inner of elements(suite.testsuite)) total = sum(total, count(inner, failures));
  for (const test of elements(suite.testcase)) {
    const [failure] = [...elements(test.failure), ...elements(test.error)];
    if (failure) failures.push(`${nameOf(suite, test)}: ${messageOf(failure)}`);
    const skipped = !failure && elements(test.skipped).length > 0;
    total = sum(total, { run: skipped ? 0 : 1, failed: failure ? 1 : 0, skipped: skipped ? 1 : 0 });
  }
  const claimed = numberOf(suite["@failures"]) + numberOf(suite["@errors"]);
  if (claimed <= total.failed) return total;
  const [error] = [...elements(suite.error), ...elements(suite.failure)];
  failures.push(`${textOf(suite["@name"]) || "a suite"}: ${error ? messageOf(error) : `${claimed} failed`}`);
  return { ...total, run: Math.max(total.run, claimed), failed: claimed };
}

function sum(left: TestCounts, right: TestCounts): TestCounts {
  return { run: left.run + right.run, failed: left.failed + right.failed, skipped: left.skipped + right.skipped };
}

function nameOf(suite: Element, test: Element): string {
  const group = textOf(test["@classname"]) || textOf(suite["@name"]);
  const name = textOf(test["@name"]) || "a test";
  return group === "" || name.startsWith(group) ? name : `${group} › ${name}`;
}

/** The attribute, or else the first line of the text. */
function messageOf(failure: Element): string {
  const words = textOf(failure["@message"]).trim() || textOf(failure["#text"]).trim() || textOf(failure["@type"]);
  const line = words.split(/\r?\n/).find((one) => one.trim() !== "") ?? "failed";
  return line.length > messageLength ? `${line.slice(0, messageLength)}…` : line.trim();
}

/** `<skipped/>` is an empty text to the parser. */
function elements(value: unknown): Element[] {
  if (value === undefined) return [];
  return [value].flat().map((one) => (isElement(one) ? one : { "#text": textOf(one) }));
}

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOf(value: unknown): number {
  const number = Number(textOf(value));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
