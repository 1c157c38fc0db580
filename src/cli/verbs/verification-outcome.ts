import { resultInWords } from "../../promotion/checks/run-checks.ts";
import type { VerificationResult } from "../../promotion/verification.ts";
import type { Context } from "../verb.ts";
import { renderTable } from "../view/table.ts";

/** What `--json` tells of checks that passed. */
export function verificationDocument({ passed, checks }: VerificationResult) {
  return {
    passed,
    checks: checks.map(({ name, kind, took, tries, tests, log }) => ({
      name,
      kind,
      passed: true,
      took,
      tries,
      tests: tests ?? null,
      log: log ?? null,
    })),
  };
}

/** A line a check: its name, and how it went. */
export function verificationLines({ paint, width }: Context, { checks }: VerificationResult): string[] {
  const rows = checks.map((check) => [check.name, resultInWords(check)]);
  const [, ...lines] = renderTable(["", ""], rows, paint, width - 2).split("\n");
  return lines.map((line) => `  ${line}`);
}
