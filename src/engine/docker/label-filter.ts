import type { Labels } from "../engine.ts";

/** The `filters` parameter that keeps only what carries all these labels (Engine API: a JSON map of lists). */
export function labelFilter(labels: Labels, more: Readonly<Record<string, readonly string[]>> = {}): string {
  return JSON.stringify({ ...more, label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) });
}
