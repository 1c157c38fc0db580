import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { detectGo, detectJava, detectRust } from "./detect-compiled.ts";
import { detectNode } from "./detect-node.ts";
import { detectPython } from "./detect-python.ts";
import type { Detection, Folder, Kind } from "./detection.ts";

/** The files that tell a kind, the surest first. */
const signs: readonly (readonly [Kind, readonly string[]])[] = [
  ["dockerfile", ["Dockerfile"]],
  ["node", ["package.json"]],
  ["python", ["requirements.txt", "pyproject.toml"]],
  ["go", ["go.mod"]],
  ["java", ["pom.xml", "build.gradle", "build.gradle.kts"]],
  ["rust", ["Cargo.toml"]],
  ["static", ["index.html", "public/index.html", "dist/index.html"]],
];

/** Looks at the folder; undefined where nothing in it is known. With `kind`, only that is looked for. */
export function detect(directory: string, kind?: Kind): Detection | undefined {
  const folder = openFolder(directory);
  const found = kind ?? signs.find(([, files]) => files.some((file) => folder.has(file)))?.[0];
  switch (found) {
    case undefined:
      return undefined;
    case "dockerfile":
      return {
        kind: found,
        port: exposedPort(folder.read("Dockerfile") ?? "") ?? 8080,
        healthPath: undefined,
        values: {},
      };
    case "node":
      return detectNode(folder);
    case "python":
      return detectPython(folder);
    case "go":
      return detectGo(folder);
    case "java":
      return detectJava(folder);
    case "rust":
      return detectRust(folder);
    case "static": {
      const at = ["public", "dist"].find((name) => folder.has(`${name}/index.html`)) ?? ".";
      return { kind: found, port: 8080, healthPath: "/", values: { folder: at } };
    }
  }
}

function openFolder(directory: string): Folder {
  const has = (file: string) => existsSync(join(directory, file));
  return {
    names: readdirSync(directory),
    has,
    read: (file) => (has(file) ? readFileSync(join(directory, file), "utf8") : undefined),
  };
}

/** The last EXPOSE counts: it is the final stage's. */
function exposedPort(dockerfile: string): number | undefined {
  const ports = [...dockerfile.matchAll(/^\s*EXPOSE\s+(\d{1,5})/gim)].map((match) => Number(match[1]));
  return ports.filter((port) => port >= 1 && port <= 65_535).at(-1);
}

/** A name that fits: from the folder's, whatever that is. */
export function nameFor(directory: string): string {
  const cleaned = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .replace(/-+$/, "")
    .slice(0, 31)
    .replace(/-+$/, "");
  return cleaned === "" ? "app" : cleaned;
}
