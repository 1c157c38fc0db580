import { CommanderError } from "commander";
import { ExitCode } from "../base/errors.ts";
import { globalOptionsLast, waitWithValue } from "./global-options.ts";
import { guardProcess } from "./guard-process.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { usageError } from "./usage-error.ts";
import { errorDocument, renderError, toEnvctlError } from "./view/error.ts";

/** Runs one command line; resolves with the exit code once everything is written. */
export async function main(typed: readonly string[], version: string): Promise<number> {
  const words = waitWithValue(globalOptionsLast(typed));
  const output = new Output(words, process.env);
  guardProcess(output);
  try {
    const program = createProgram(version, output, words);
    await program.parseAsync([...words], { from: "user" });
    return output.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return ExitCode.done;
    const error = thrown instanceof CommanderError ? usageError(thrown, words) : toEnvctlError(thrown, output.verbose);
    await output.finish();
    if (output.json) output.document(errorDocument(error));
    output.say(renderError(error, output.errorPaint));
    await output.reportFailure(words[0] ?? "", error);
    return error.exitCode;
  }
}
