import type { Detection, Folder } from "./detection.ts";
import { hintsIn } from "./source-hints.ts";

export function detectRust(folder: Folder): Detection {
  const root = folder.read("Cargo.toml") ?? "";
  const members = isPackage(root) ? [] : membersOf(folder, root);
  const at = members[0] ?? ".";
  const manifest = at === "." ? root : (folder.read(`${at}/Cargo.toml`) ?? "");
  const binary = binaryOf(manifest);
  const hints = hintsIn(folder, [`${at}/src/main.rs`, `${at}/src/lib.rs`]);
  return {
    kind: "rust",
    found: `Cargo.toml (${binary ?? "no binary"})`,
    port: hints.port ?? 8080,
    health: hints.health,
    values: {
      version: rustVersion(folder),
      binary: binary ?? "app",
      locked: folder.has("Cargo.lock") ? " --locked" : "",
    },
    notes: [
      ...(binary === undefined ? ["Cargo.toml names no binary: put its name into the Dockerfile"] : []),
      ...(members.length > 1 ? [`several programs (${members.join(", ")}): the Dockerfile runs ${binary}`] : []),
      ...(folder.has("Cargo.lock") ? [] : ["no Cargo.lock: commit it, or two builds of one commit may differ"]),
    ],
  };
}

function isPackage(manifest: string): boolean {
  return /^\s*\[package\]/m.test(manifest);
}

/** Members of a workspace that are programs. */
function membersOf(folder: Folder, manifest: string): string[] {
  const list = /^\s*members\s*=\s*\[([^\]]*)\]/m.exec(manifest)?.[1] ?? "";
  const patterns = [...list.matchAll(/"([\w./-]+?)(\/\*)?"/g)];
  return patterns
    .flatMap(([, path = "", all]) => (all ? folder.list(path).map((name) => `${path}/${name}`) : [path]))
    .filter((path) => folder.has(`${path}/src/main.rs`));
}

function binaryOf(manifest: string): string | undefined {
  const name = (table: string) =>
    new RegExp(`^\\s*\\[${table}\\][^[]*?^\\s*name\\s*=\\s*"([A-Za-z0-9_-]+)"`, "m").exec(manifest)?.[1];
  return /^\s*default-run\s*=\s*"([A-Za-z0-9_-]+)"/m.exec(manifest)?.[1] ?? name("\\[bin\\]") ?? name("package");
}

function rustVersion(folder: Folder): string {
  const pinned = folder.read("rust-toolchain.toml") ?? folder.read("rust-toolchain") ?? "";
  return /(?:^|channel\s*=\s*")\s*(1\.\d+(?:\.\d+)?)\b/m.exec(pinned)?.[1] ?? "1";
}
