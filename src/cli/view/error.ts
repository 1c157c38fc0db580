import { EnvctlError, ExitCode, messageOf } from "../../base/errors.ts";
import { clean } from "./clean.ts";
import type { Paint } from "./paint.ts";

/** Says what happened, where, on what evidence, what state things are in, and what to type next. */
export function renderError(error: EnvctlError, paint: Paint): string {
  const lines = [`${paint("red", "✗")} ${paint("bold", clean(error.message))}`];
  if (error.where !== undefined) lines.push(`  ${paint("dim", "where:")} ${clean(error.where)}`);
  for (const line of error.evidence) lines.push(`  ${paint("dim", "│")} ${clean(line)}`);
  if (error.state !== undefined) lines.push(`  ${paint("dim", "state:")} ${clean(error.state)}`);
  if (error.next !== undefined) lines.push(`  ${paint("dim", "next: ")} ${paint("cyan", clean(error.next))}`);
  return lines.join("\n");
}

/** The document that `--json` prints for a failure. */
export function errorDocument(error: EnvctlError): unknown {
  const { code, exitCode, message, where, state, next, evidence } = error;
  return { error: { code, exitCode, what: message, where, state, next, evidence } };
}

/** Anything thrown, as an error for people: what is not one of ours is a defect of envctl. */
export function toEnvctlError(thrown: unknown, verbose: boolean): EnvctlError {
  if (thrown instanceof EnvctlError) return thrown;
  if (thrown instanceof Error && thrown.cause instanceof EnvctlError) return thrown.cause;
  if (isRefusal(thrown)) return refusedBySystem(thrown);
  return new EnvctlError({
    code: "internal",
    exitCode: ExitCode.failed,
    what: `this is a defect in envctl: ${messageOf(thrown)}`,
    evidence: verbose && thrown instanceof Error && thrown.stack ? thrown.stack.split("\n") : [],
    next: verbose ? "report it with the lines above" : "run it again with --verbose to see where",
    cause: thrown,
  });
}

type SystemError = NodeJS.ErrnoException & { readonly path: string };

/** What a file system says of a folder or a disk that is not as it has to be. What is merely not there may be a defect. */
const refusals: readonly unknown[] = [
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOSPC",
  "EDQUOT",
  "EMFILE",
  "ENFILE",
  "ENOTDIR",
  "EIO",
];

/** Node says ENOENT of a folder that it cannot make on a read-only file system, if those above are made, too. */
function isRefusal(thrown: unknown): thrown is SystemError {
  if (!(thrown instanceof Error && "path" in thrown && "code" in thrown)) return false;
  return refusals.includes(thrown.code) || ("syscall" in thrown && thrown.syscall === "mkdir");
}

function refusedBySystem(error: SystemError): EnvctlError {
  return new EnvctlError({
    code: "file-refused",
    exitCode: ExitCode.failed,
    what: `this machine's file system refuses it: ${error.message}`,
    where: error.path,
    state: "what was done before that stays as it is",
    next: "look at the permissions and the space there, then run the same command again: it goes on from what is there",
    cause: error,
  });
}
