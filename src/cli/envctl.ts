#!/usr/bin/env node
/** Replaced by the version in package.json when the bundle is made. */
declare const ENVCTL_VERSION: string;

const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
  // Answered before anything is imported.
  process.stdout.write(`${ENVCTL_VERSION}\n`);
} else {
  const { main } = await import("./main.ts");
  process.exitCode = await main(words, ENVCTL_VERSION);
}
