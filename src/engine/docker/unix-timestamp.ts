/**
 * The engine's own spelling of a moment, `seconds.nanoseconds` since 1970, from RFC 3339. Text that is no date is
 * left as it is: it may be in that spelling already.
 */
export function unixTimestamp(text: string): string {
  const seconds = Math.floor(Date.parse(text) / 1000);
  if (/^\d+(?:\.\d+)?$/.test(text) || Number.isNaN(seconds)) return text;
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  return `${seconds}.${fraction.slice(0, 9).padEnd(9, "0")}`;
}
