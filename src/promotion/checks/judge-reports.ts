import type { Finding } from "./check.ts";
import { JunitError, type Report, summariseJunit } from "./junit.ts";

/** What a command's end and its JUnit reports say together: each can fail the check. `failure` is how the command ended. */
export async function judgeReports(
  where: string,
  failure: string | undefined,
  pattern: string,
  reading: () => Promise<Report[]>,
): Promise<Finding> {
  const ended = failure === undefined ? [] : [{ where, what: failure }];
  try {
    const reports = await reading();
    if (reports.length === 0) {
      return { wrong: [...ended, { where, what: `wrote no JUnit report (${pattern})` }] };
    }
    const { tests, failures } = await summariseJunit(reports);
    const wrong = [...ended];
    if (tests.failed > 0) wrong.push({ where, what: `${tests.failed} of ${tests.run} tests failed` });
    else if (tests.run === 0) wrong.push({ where, what: "ran no test: a report without any proves nothing" });
    return { wrong, tests, evidence: failures };
  } catch (error) {
    if (error instanceof JunitError) return { wrong: [...ended, { where, what: error.message }] };
    throw error;
  }
}
