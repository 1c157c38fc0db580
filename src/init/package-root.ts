import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that has `templates`: above the sources, or above the bundle. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "templates", "envctl.yaml"))) return folder;
    if (folder === dirname(folder)) throw new Error("this installation of envctl has no templates");
  }
}
