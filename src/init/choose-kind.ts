import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { type Detection, kinds } from "./detection.ts";

/**
 * Of all that was found: what was asked for by `--kind`, else everything, the likeliest first.
 * Throws `usage` and `nothing-found` (exit 2).
 */
export function chooseKind(
  found: readonly Detection[],
  typed: string | undefined,
  force: boolean,
  directory: string,
): readonly [Detection, ...Detection[]] {
  if (typed !== undefined && !kinds.some((kind) => kind === typed)) {
    const meant = didYouMean(typed, kinds);
    throw usage(
      `"${typed}" is no kind of project${meant ? `; did you mean "${meant}"?` : ""}`,
      `one of: ${kinds.join(", ")}`,
    );
  }
  const [first, ...others] = typed === undefined ? found : found.filter(({ kind }) => kind === typed);
  if (!first) throw nothingFound(found, typed, directory);
  if (typed !== undefined && typed !== "dockerfile" && !force && found.some(({ kind }) => kind === "dockerfile"))
    throw usage(
      `there is a Dockerfile already: as --kind ${typed}, another would be written`,
      "envctl init takes the Dockerfile as it is; --force writes over it",
    );
  return [first, ...others];
}

function usage(what: string, next: string): EnvctlError {
  return new EnvctlError({ code: "usage", exitCode: ExitCode.usage, what, state: "nothing was written", next });
}

function nothingFound(found: readonly Detection[], typed: string | undefined, directory: string): EnvctlError {
  const others = found.map(({ kind }) => kind).join(", ");
  return new EnvctlError({
    code: "nothing-found",
    exitCode: ExitCode.usage,
    what: `nothing here tells ${typed === undefined ? "what kind of project this is" : `that this is of the kind ${typed}`}`,
    where: directory,
    state: "nothing was written",
    next:
      others === ""
        ? "write a Dockerfile, or go to the folder with package.json, requirements.txt, go.mod or the like"
        : `what is found here: ${others}`,
  });
}
