import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];
/** Colours a piece of text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

const plain: Paint = (_, text) => text;
// Of its own accord styleText asks what stdout is, and most of what is coloured goes to stderr.
const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

interface Surroundings {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  readonly noColor: boolean;
}

/** NO_COLOR (no-color.org) and `--no-color` beat FORCE_COLOR, which beats what the stream is. */
export function choosePaint({ variables, isTerminal, noColor }: Surroundings): Paint {
  if (noColor || variables.NO_COLOR) return plain;
  if (variables.FORCE_COLOR !== undefined && variables.FORCE_COLOR !== "0") return coloured;
  return isTerminal && variables.TERM !== "dumb" ? coloured : plain;
}
