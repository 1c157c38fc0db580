import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { BuildFailure } from "./build-steps.ts";
import { blamesEngine, engineUnreachable } from "./engine-unreachable.ts";

/** The error for a build that failed, in a person's terms. All text must be free of secrets already. */
export function buildError(failure: BuildFailure, dockerfile: string, engine: string): EnvctlError {
  const text = failure.evidence.join("\n");
  // Only outside any step: a step's own program may talk to an engine too.
  if (failure.title === undefined && blamesEngine(text)) return engineUnreachable(engine, failure.evidence);
  return new EnvctlError({
    code: "build-failed",
    exitCode: ExitCode.failed,
    what: summary(failure),
    where: failure.line === undefined ? dockerfile : `${dockerfile}:${failure.line}`,
    state: "No release was made; what runs is untouched.",
    next: advice(`${failure.message ?? ""}\n${text}`),
    evidence: failure.evidence,
  });
}

function summary(failure: BuildFailure): string {
  const reason = failure.message ?? failure.evidence.at(-1) ?? "the builder gave no reason";
  // BuildKit repeats the whole command in its reason; the title has it already.
  const short =
    /exit code: \d+$/.exec(reason)?.[0] ??
    reason.replace(/^(?:ERROR: )?(?:failed to build: )?failed to solve[^:]*: /, "");
  return failure.title === undefined ? `The build failed: ${short}` : `The build failed in ${failure.title}: ${short}`;
}

const advices: readonly (readonly [RegExp, string])[] = [
  [
    /no space left on device/i,
    "Free space on the engine's disk (`docker system df` shows what uses it), then build again.",
  ],
  [
    /pull access denied|unauthorized|authorization failed|authentication required/i,
    "Check the image's name in FROM, and log in to its registry with `docker login`.",
  ],
  [
    /failed to do request|no such host|network is unreachable|i\/o timeout|TLS handshake timeout|connection refused/i,
    "Check the engine's network, proxy and registry mirror, then build again.",
  ],
  [
    /not found in build context|excluded by \.dockerignore|failed to (?:compute|calculate) (?:cache key|checksum)/i,
    "Check that the file exists in the build context and that .dockerignore does not exclude it.",
  ],
  [/target stage .* could not be found|failed to reach build target/i, "Check image.target in the environment file."],
];

function advice(text: string): string {
  return advices.find(([pattern]) => pattern.test(text))?.[1] ?? "Mend the step and run `envctl build` again.";
}
