import { describe } from "vitest";

/**
 * A group of tests that needs the lab. Where none can be raised they are skipped, and the reason stands in their name.
 */
export function describeLab(title: string, body: () => void): void {
  const reason = process.env.ENVCTL_NO_LAB;
  if (reason === undefined) describe(title, body);
  else describe.skip(`${title} (skipped: ${reason})`, body);
}
