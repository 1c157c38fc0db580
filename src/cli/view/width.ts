let segmenter: Intl.Segmenter | undefined;
/** One column a character; a carriage return would be one character with the newline behind it. */
const plain = /^[\x20-\x7e]*$/;

/** Columns a terminal gives the text: East Asian wide characters and emoji take two (UAX #11). */
export function displayWidth(text: string): number {
  // Nearly all that is measured is plain, and taking texts apart is slow.
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += isWide(segment) ? 2 : 1;
  return width;
}

/** The text, or as much of its beginning as fits with an ellipsis behind it. */
export function shorten(text: string, size: number): string {
  if (displayWidth(text) <= size) return text;
  return `${beginning(text, size - 1)}…`;
}

/** As much of the text's beginning as fits. */
export function beginning(text: string, size: number): string {
  let kept = "";
  let width = 0;
  for (const { segment } of segmentsOf(text)) {
    width += isWide(segment) ? 2 : 1;
    if (width > size) break;
    kept += segment;
  }
  return kept;
}

/** Made when it is first needed: that takes 15 ms. */
function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter();
  return segmenter.segment(text);
}

function isWide(segment: string): boolean {
  return /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
    segment,
  );
}
