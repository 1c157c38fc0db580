/**
 * The line of the instruction that a step's title shows, for builders that don't tell: found by its text, and only if it
 * stands in the Dockerfile exactly once. Undefined where arguments were filled in, or where it can't be told apart.
 */
export function dockerfileLine(dockerfile: string, title: string): number | undefined {
  const wanted = squeeze(title.replace(/^\[[^\]]*\d+\/\d+\] /, ""));
  const found = instructions(dockerfile).filter((instruction) => instruction.text === wanted);
  return found.length === 1 ? found[0]?.line : undefined;
}

interface Instruction {
  readonly line: number;
  readonly text: string;
}

/** Logical lines: those that end in a backslash go on in the next, comments and empty lines between them don't count. */
function instructions(dockerfile: string): readonly Instruction[] {
  const found: Instruction[] = [];
  let start: number | undefined;
  let text = "";
  for (const [index, line] of dockerfile.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    start ??= index + 1;
    if (/\\\s*$/.test(line)) {
      text += line.replace(/\\\s*$/, "");
      continue;
    }
    found.push({ line: start, text: squeeze(text + line) });
    start = undefined;
    text = "";
  }
  return found;
}

function squeeze(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
