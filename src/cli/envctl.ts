#!/usr/bin/env node
import type { Program } from "./start/program-file.ts";

/** Both replaced when the bundle is made: by the version in package.json, and by where the program's chunks are. */
declare const ENVCTL_VERSION: string;
declare const ENVCTL_PROGRAM: Program;

async function start(words: readonly string[]): Promise<void> {
  if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
    // Answered before anything is imported.
    process.stdout.write(`${ENVCTL_VERSION}\n`);
    return;
  }
  const { loadProgram } = await import("./start/load-program.ts");
  const { entry, compiled } = loadProgram<typeof import("./main.ts")>(__dirname, ENVCTL_PROGRAM, process.env);
  process.exitCode = await entry.main(words, ENVCTL_VERSION);
  compiled.save();
}

void start(process.argv.slice(2));
