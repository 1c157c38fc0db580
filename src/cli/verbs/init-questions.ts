import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Detection } from "../../init/detection.ts";

/** What a person is asked, with what is proposed; undefined where an option has answered it already. */
export interface InitQuestions {
  readonly kinds: readonly Detection[] | undefined;
  readonly name: string | undefined;
  readonly port: ((detection: Detection) => string) | undefined;
  readonly test: string | undefined;
  readonly prod: string | undefined;
}

export interface InitAnswers {
  readonly detection: Detection | undefined;
  readonly name: string | undefined;
  readonly port: string | undefined;
  readonly test: string | undefined;
  readonly prod: string | undefined;
}

/** Says what is wrong with an answer; undefined where nothing is. */
export interface InitChecks {
  readonly name: (text: string) => string | undefined;
  readonly port: (text: string) => string | undefined;
  readonly hosts: (text: string) => string | undefined;
}

/** Asks on the terminal. Throws `interrupted` (exit 130) on Ctrl-C or Escape. */
export async function askQuestions(
  questions: InitQuestions,
  proposed: Detection,
  checks: InitChecks,
  signal: AbortSignal,
): Promise<InitAnswers> {
  const { select, text } = await import("@clack/prompts");
  const line = async (message: string, initialValue: string | undefined, check: InitChecks["name"]) =>
    initialValue === undefined
      ? undefined
      : answerOf<string>(await text({ message, initialValue, validate: (value) => check(value ?? ""), signal }));
  const kinds = questions.kinds;
  const detection = kinds
    ? answerOf<Detection>(
        await select({
          message: "What is to be built here?",
          options: kinds.map((found) => ({ value: found, label: found.kind, hint: found.found })),
          signal,
        }),
      )
    : undefined;
  return {
    detection,
    name: await line("What is the environment called?", questions.name, checks.name),
    port: await line("On which port does the program listen?", questions.port?.(detection ?? proposed), checks.port),
    test: await line(
      "Where does test run? Such as deploy@test.example.com; empty for later",
      questions.test,
      checks.hosts,
    ),
    prod: await line("Where does prod run? One host or several; empty for later", questions.prod, checks.hosts),
  };
}

/** What the prompts give back for Ctrl-C and Escape is a symbol. */
function answerOf<T>(answer: T | symbol): T {
  if (isAnswer(answer)) return answer;
  throw new EnvctlError({
    code: "interrupted",
    exitCode: ExitCode.interrupted,
    what: "interrupted",
    state: "nothing was written",
  });
}

function isAnswer<T>(answer: T | symbol): answer is T {
  return typeof answer !== "symbol";
}
