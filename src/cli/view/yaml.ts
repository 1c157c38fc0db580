import { stringify } from "yaml";

export function renderYaml(document: unknown): string {
  return stringify(document, { lineWidth: 0 }).trimEnd();
}
