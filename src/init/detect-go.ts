import type { Detection, Folder } from "./detection.ts";
import { hintsIn } from "./source-hints.ts";

export function detectGo(folder: Folder): Detection {
  const module = folder.read("go.mod") ?? "";
  const version = /^(?:toolchain\s+go|go\s+)(\d+\.\d+)/m.exec(module)?.[1] ?? "1";
  const programs = mainPackages(folder);
  const named = /^module\s+\S*?([\w.-]+)(?:\/v\d+)?\s*$/m.exec(module)?.[1];
  const program = programs.find((path) => path === "." || path === `cmd/${named}`) ?? programs[0] ?? ".";
  const sources = folder.list(program).filter((file) => file.endsWith(".go") && !file.endsWith("_test.go"));
  const hints = hintsIn(
    folder,
    sources.map((file) => `${program}/${file}`),
  );
  // Modules that stand in the folder itself are looked at, too, when others are fetched.
  const local = folder.has("go.work") || /=>\s*\.{1,2}\//.test(module);
  const vendored = folder.has("vendor/modules.txt");
  return {
    kind: "go",
    found: `go.mod (Go ${version})`,
    port: hints.port ?? 8080,
    health: hints.health,
    values: {
      version,
      target: program === "." ? "." : `./${program}`,
      manifests: vendored || local ? "" : ["go.mod", "go.sum"].filter((file) => folder.has(file)).join(" "),
    },
    notes: [
      ...(programs.length > 1 ? [`several programs (${programs.join(", ")}): the Dockerfile builds ${program}`] : []),
      ...(programs.length === 0 ? ["no main package here or in cmd/: the Dockerfile builds this folder"] : []),
    ],
  };
}

/** Folders with a `package main`: this one, and those in cmd. Odd names are left out: they would stand in a command. */
function mainPackages(folder: Folder): string[] {
  const below = folder.list("cmd").filter((name) => /^[A-Za-z0-9][\w.-]*$/.test(name));
  return [".", ...below.map((name) => `cmd/${name}`)].filter((path) =>
    folder
      .list(path)
      .some(
        (file) =>
          file.endsWith(".go") &&
          !file.endsWith("_test.go") &&
          /^package main\b/m.test(folder.read(`${path}/${file}`) ?? ""),
      ),
  );
}
