import type { Detection, Folder } from "./detection.ts";
import { hintsIn } from "./source-hints.ts";

export function detectRust(folder: Folder): Detection {
  const root = folder.read("Cargo.toml") ?? "";
  const members = isProgram(folder, ".", root) ? [] : membersOf(folder, root);
  const at = members[0] ?? ".";
  const manifest = at === "." ? root : (folder.read(`${at}/Cargo.toml`) ?? "");
  const placed = placedBinaries(folder, at);
  const binary = binaryOf(folder, at, manifest);
  const programs = members.length > 1 ? members : binary === placed[0]?.name ? placed.map(({ name }) => name) : [];
  const own = placed.filter(({ name }) => name === binary).map(({ file }) => file);
  const hints = hintsIn(folder, [...own, `${at}/src/main.rs`, `${at}/src/lib.rs`]);
  return {
    kind: "rust",
    found: `Cargo.toml (${binary ?? "no binary"})`,
    port: hints.port ?? 8080,
    health: hints.health,
    values: {
      version: rustVersion(folder),
      binary: binary ?? "app",
      locked: folder.has("Cargo.lock") ? " --locked" : "",
      openssl: linksOpenssl(folder.read("Cargo.lock") ?? "") ? "libssl3" : "",
    },
    notes: [
      ...(binary === undefined ? ["Cargo.toml names no binary: put its name into the Dockerfile"] : []),
      ...(programs.length > 1 ? [`several programs (${programs.join(", ")}): the Dockerfile runs ${binary}`] : []),
      ...(folder.has("Cargo.lock") ? [] : ["no Cargo.lock: commit it, or two builds of one commit may differ"]),
    ],
  };
}

/** True for a package with something to run; a folder may also be a library, or hold a workspace together. */
function isProgram(folder: Folder, at: string, manifest: string): boolean {
  return /^\s*\[\[bin\]\]/m.test(manifest) || folder.has(`${at}/src/main.rs`) || placedBinaries(folder, at).length > 0;
}

/** What Cargo takes for a binary by its place alone, beside src/main.rs: a file in src/bin, or a folder with its own main.rs. */
function placedBinaries(folder: Folder, at: string): { readonly name: string; readonly file: string }[] {
  return folder.list(`${at}/src/bin`).flatMap((entry) => {
    const name = entry.replace(/\.rs$/, "");
    const file = `${at}/src/bin/${name === entry ? `${entry}/main.rs` : entry}`;
    return /^[A-Za-z0-9_-]+$/.test(name) && folder.has(file) ? [{ name, file }] : [];
  });
}

/** Members of a workspace that are programs. */
function membersOf(folder: Folder, manifest: string): string[] {
  const list = /^\s*members\s*=\s*\[([^\]]*)\]/m.exec(manifest)?.[1] ?? "";
  const patterns = [...list.matchAll(/"([\w./-]+?)(\/\*)?"/g)];
  return patterns
    .flatMap(([, path = "", all]) => (all ? folder.list(path).map((name) => `${path}/${name}`) : [path]))
    .filter((path) => isProgram(folder, path, folder.read(`${path}/Cargo.toml`) ?? ""));
}

function binaryOf(folder: Folder, at: string, manifest: string): string | undefined {
  const name = (table: string) =>
    new RegExp(`^\\s*\\[${table}\\][^[]*?^\\s*name\\s*=\\s*"([A-Za-z0-9_-]+)"`, "m").exec(manifest)?.[1];
  const said = /^\s*default-run\s*=\s*"([A-Za-z0-9_-]+)"/m.exec(manifest)?.[1] ?? name("\\[bin\\]");
  const placed = folder.has(`${at}/src/main.rs`) ? undefined : placedBinaries(folder, at)[0]?.name;
  return said ?? placed ?? name("package");
}

/** By the crate that links to the system's, unless it is compiled along. The image to build with has it, the one that runs has not. */
function linksOpenssl(lock: string): boolean {
  const has = (crate: string) => new RegExp(`^name = "${crate}"`, "m").test(lock);
  return has("openssl-sys") && !has("openssl-src");
}

function rustVersion(folder: Folder): string {
  const pinned = folder.read("rust-toolchain.toml") ?? folder.read("rust-toolchain") ?? "";
  return /(?:^|channel\s*=\s*")\s*(1\.\d+(?:\.\d+)?)\b/m.exec(pinned)?.[1] ?? "1";
}
