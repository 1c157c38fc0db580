import { detectDockerfile } from "./detect-dockerfile.ts";
import { detectGo } from "./detect-go.ts";
import { detectJava } from "./detect-java.ts";
import { detectNode, isOnlyTools } from "./detect-node.ts";
import { detectPython } from "./detect-python.ts";
import { detectRust } from "./detect-rust.ts";
import { detectStatic, hasSite } from "./detect-static.ts";
import type { Detection, Folder, Kind } from "./detection.ts";
import { openFolder } from "./folder.ts";

/** The files that tell a kind, the surest first. */
const signs: readonly (readonly [Exclude<Kind, "node-static" | "static">, readonly string[]])[] = [
  ["dockerfile", ["Dockerfile"]],
  ["node", ["package.json"]],
  ["python", ["requirements.txt", "pyproject.toml", "Pipfile", "manage.py", "main.py", "app.py"]],
  ["go", ["go.mod"]],
  ["java", ["pom.xml", "build.gradle.kts", "build.gradle"]],
  ["rust", ["Cargo.toml"]],
];

/** All that the folder may be, the likeliest first; nothing where nothing in it is known. Writes nothing. */
export function detectAll(directory: string): readonly Detection[] {
  const folder = openFolder(directory);
  const found = signs
    .filter(([, files]) => files.some((file) => folder.has(file)))
    .map(([kind]) => detect(folder, kind));
  if (hasSite(folder)) found.push(detectStatic(folder));
  // A package.json that starts and builds nothing is there for tools: the rest of the folder is the program.
  const last = (detection: Detection) => (detection.kind === "node" && isOnlyTools(folder) ? 1 : 0);
  return found.sort((one, other) => last(one) - last(other));
}

function detect(folder: Folder, kind: (typeof signs)[number][0]): Detection {
  switch (kind) {
    case "dockerfile":
      return detectDockerfile(folder.read("Dockerfile") ?? "");
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
  }
}
