/** A size in bytes. */
export type Bytes = number & { readonly __unit: "bytes" };

const pattern = /^(\d+(?:\.\d+)?)([kmgt]i?)?b?$/i;
const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4 };

/** Reads `512m`, `1.5g`, `64MiB`, `1024b`: powers of 1024, as Docker and Compose read them. */
export function parseBytes(text: string): Bytes | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const power = powers[(match[2] ?? "").charAt(0).toLowerCase()] ?? 0;
  const value = Math.round(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(value) ? (value as Bytes) : undefined;
}

/** For people: `512 B`, `3.4 MB` (powers of 1000, as registries and disks are sold). */
export function formatBytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
