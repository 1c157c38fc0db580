import { ExitCode } from "../base/errors.ts";
import type { Output } from "./output.ts";
import { renderError, toEnvctlError } from "./view/error.ts";

/** What becomes of the process when something happens that no call waits for. */
export function guardProcess(output: Output): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `envctl … | head` closes the pipe early: that is no failure.
    if (error.code === "EPIPE") {
      // How the verb ended is still told: by the exit code, on stderr, and to the pipeline.
      if (!output.isFinished) process.exit(process.exitCode);
      return;
    }
    output.sayLast(`stdout: ${error.message}`);
    process.exit(ExitCode.failed);
  });
  // With nobody left to tell, a rollout goes on all the same.
  process.stderr.on("error", () => {});
  process.on("uncaughtException", (thrown) => {
    output.sayLast(renderError(toEnvctlError(thrown, output.verbose), output.errorPaint));
    process.exit(ExitCode.failed);
  });
}
