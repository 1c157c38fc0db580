/** Majors of Node with long-term support, the newest first. */
const majors = [24, 22, 20, 18];

/** By the names that these lines have, as version managers take them: `lts/iron`. */
const lines: Readonly<Record<string, string>> = {
  gallium: "16",
  hydrogen: "18",
  iron: "20",
  jod: "22",
  krypton: "24",
};

/** The major in .nvmrc or .node-version. Undefined where it names none (`lts/*`, `node`). */
export function pinnedMajor(text: string): string | undefined {
  const line = /^lts\/([a-z]+)\s*$/i.exec(text)?.[1];
  return line === undefined ? /^v?(\d{1,3})(?:\.|\s*$)/.exec(text)?.[1] : lines[line.toLowerCase()];
}

/**
 * The newest long-term major that a range of `engines.node` allows (node-semver §Ranges, by majors alone), else the only
 * one that it names. Undefined where it says nothing.
 */
export function nodeMajorFor(range: string): string | undefined {
  const alternatives = range.split("||").map(readAlternative);
  const allowed = majors.find((major) => alternatives.some((holds) => holds(major)));
  return allowed === undefined ? /\d{1,3}/.exec(range)?.[0] : String(allowed);
}

function readAlternative(text: string): (major: number) => boolean {
  const hyphen = /^\s*v?(\d+)\S*\s+-\s+v?(\d+)/.exec(text);
  if (hyphen) return (major) => major >= Number(hyphen[1]) && major <= Number(hyphen[2]);
  const tests = [...text.matchAll(/(>=|<=|>|<|\^|~|=)?\s*v?(\d+)((?:\.\d+)*)/g)].map(([, sign, digits, rest]) => {
    const bound = Number(digits);
    // Below 21.0.0 leaves 20; below 20.5 still has 20s.
    const zero = !/[1-9]/.test(rest ?? "");
    return (major: number) => {
      if (sign === ">=") return major >= bound;
      if (sign === ">") return rest === "" ? major > bound : major >= bound;
      if (sign === "<") return zero ? major < bound : major <= bound;
      if (sign === "<=") return major <= bound;
      return major === bound;
    };
  });
  return (major) => tests.every((test) => test(major));
}
