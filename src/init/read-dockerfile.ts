/** One stage of a Dockerfile, as far as it tells how its image runs. */
export interface DockerfileStage {
  readonly name: string | undefined;
  /** An image, or the name of a stage above. */
  readonly from: string;
  /** TCP ports of EXPOSE, in their order. */
  readonly ports: number[];
  readonly environment: Record<string, string>;
  command: string | undefined;
  /** What HEALTHCHECK says; `NONE` switches off what was inherited. */
  healthcheck: string | undefined;
}

/** The last stage, then the stages it is made from, nearest first: what the first says goes before what the others say. */
export function readDockerfile(text: string): readonly DockerfileStage[] {
  const stages: DockerfileStage[] = [];
  const globals: Record<string, string> = {};
  for (const [word, rest] of instructions(text)) {
    const stage = stages.at(-1);
    if (word === "FROM") stages.push(readFrom(fillVariables(rest, globals)));
    else if (word === "ARG") Object.assign(stage?.environment ?? globals, readPairs(rest, globals));
    else if (stage) readInto(stage, word, rest, { ...globals, ...stage.environment });
  }
  const chain: DockerfileStage[] = [];
  for (let at = stages.length - 1; at >= 0; ) {
    const stage = stages[at];
    if (!stage) break;
    chain.push(stage);
    // A stage can only begin with one above it, so this ends.
    at = stages.slice(0, at).findLastIndex(({ name }) => name?.toLowerCase() === stage.from.toLowerCase());
  }
  return chain;
}

function readFrom(rest: string): DockerfileStage {
  const words = rest.split(/\s+/).filter((word) => !word.startsWith("--"));
  const name = words[1]?.toUpperCase() === "AS" ? words[2] : undefined;
  return { name, from: words[0] ?? "", ports: [], environment: {}, command: undefined, healthcheck: undefined };
}

function readInto(stage: DockerfileStage, word: string, rest: string, variables: Record<string, string>): void {
  switch (word) {
    case "EXPOSE":
      for (const part of fillVariables(rest, variables).split(/\s+/)) {
        const port = Number(/^(\d{1,5})(?:\/tcp)?$/i.exec(part)?.[1]);
        if (port >= 1 && port <= 65_535) stage.ports.push(port);
      }
      break;
    case "ENV":
      Object.assign(stage.environment, readPairs(rest, variables));
      break;
    case "CMD":
    case "ENTRYPOINT":
      stage.command = `${stage.command ?? ""} ${fillVariables(rest, variables)}`;
      break;
    case "HEALTHCHECK":
      stage.healthcheck = fillVariables(rest, variables);
      break;
  }
}

/** `A=1 B="two words"`, or ENV's old form `A 1`. */
function readPairs(rest: string, variables: Record<string, string>): Record<string, string> {
  const pairs = [...rest.matchAll(/([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|(\S*))/g)];
  const old = pairs.length === 0 ? /^([A-Za-z_]\w*)\s+(.+)$/.exec(rest) : null;
  if (old) return { [old[1] ?? ""]: fillVariables(old[2] ?? "", variables) };
  return Object.fromEntries(
    pairs.map(([, name = "", double, single, bare]) => [
      name,
      fillVariables(double ?? single ?? bare ?? "", variables),
    ]),
  );
}

function fillVariables(text: string, variables: Record<string, string>): string {
  return text.replace(/\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))/g, (whole, braced, fallback, plain) => {
    const name = String(braced ?? plain);
    return (Object.hasOwn(variables, name) ? variables[name] : undefined) ?? fallback ?? whole;
  });
}

/** Logical lines: continued ones as one, without comments, and without the text of here-documents. */
function instructions(text: string): (readonly [word: string, rest: string])[] {
  const found: (readonly [string, string])[] = [];
  let line = "";
  let until: string | undefined;
  for (const raw of text.split(/\r?\n/)) {
    if (until !== undefined) {
      if (raw.trim() === until) until = undefined;
      continue;
    }
    if (/^\s*(?:#|$)/.test(raw)) continue;
    if (/\\\s*$/.test(raw)) {
      line += `${raw.replace(/\\\s*$/, "")} `;
      continue;
    }
    const [, word = "", rest = ""] = /^\s*(\w+)\s+(.*)$/s.exec(line + raw) ?? [];
    line = "";
    found.push([word.toUpperCase(), rest.trim()]);
    if (/^(?:RUN|COPY|ADD)$/i.test(word)) until = /<<-?["']?(\w+)/.exec(rest)?.[1];
  }
  return found;
}
