import { chmod } from "node:fs/promises";
import { createServer } from "node:net";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { listContext } from "../../src/build/context.ts";
import { Folder } from "./folder.ts";

async function paths(folder: Folder, dockerfile = "Dockerfile"): Promise<readonly string[]> {
  const { entries } = await listContext({ context: folder.path, dockerfile: folder.join(dockerfile) });
  return entries.map((entry) => entry.path);
}

async function failure(work: Promise<unknown>): Promise<EnvctlError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EnvctlError)) throw new Error(`expected an EnvctlError, got ${String(error)}`);
  return error;
}

describe("a build context", () => {
  it("holds what .dockerignore leaves, with the directories of what it brings back", async () => {
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      ".dockerignore": "*\n!src/keep\nsrc/keep/not\n",
      "src/keep/a": "",
      "src/keep/not/b": "",
      "src/other": "",
      "docs/a": "",
    });
    expect(await paths(folder)).toEqual(["src", "src/keep", "src/keep/a"]);
  });

  it("takes <Dockerfile>.dockerignore instead of .dockerignore", async () => {
    await using folder = await Folder.of({
      "build/app.Dockerfile": "FROM scratch\n",
      "build/app.Dockerfile.dockerignore": "a\nbuild\n",
      ".dockerignore": "b\n",
      a: "",
      b: "",
    });
    expect(await paths(folder, "build/app.Dockerfile")).toEqual([".dockerignore", "b"]);
  });

  it("keeps links as links, loops included", async () => {
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      "dir/self": { link: "." },
      "dir/up": { link: "../dir" },
      one: { link: "two" },
      two: { link: "one" },
      gone: { link: "/nowhere" },
    });
    const { entries } = await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") });
    expect(entries.filter((entry) => entry.kind === "symlink")).toEqual([
      { kind: "symlink", path: "dir/self", target: "." },
      { kind: "symlink", path: "dir/up", target: "../dir" },
      { kind: "symlink", path: "gone", target: "/nowhere" },
      { kind: "symlink", path: "one", target: "two" },
      { kind: "symlink", path: "two", target: "one" },
    ]);
  });

  it("takes names as they are", async () => {
    const names = ["constructor", "new\nline", "ping 😀", "sp ace", "ünï"];
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      ...Object.fromEntries(names.map((name) => [name, ""])),
    });
    expect(await paths(folder)).toEqual(["Dockerfile", ...names]);
  });

  it("leaves out sockets and pipes, and says so", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n" });
    await execa("mkfifo", [folder.join("pipe")]);
    const server = createServer().listen(folder.join("socket"));
    try {
      const { entries, notes } = await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") });
      expect(entries.map((entry) => entry.path)).toEqual(["Dockerfile"]);
      expect(notes).toHaveLength(2);
      expect(notes.join()).toContain('"pipe"');
    } finally {
      server.close();
    }
  });

  it("names what is missing", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n" });
    const noFile = await failure(listContext({ context: folder.path, dockerfile: folder.join("Other") }));
    expect(noFile).toMatchObject({ code: "dockerfile-missing", exitCode: 2, where: folder.join("Other") });
    const dockerfile = folder.join("Dockerfile");
    for (const context of [folder.join("none"), dockerfile]) {
      const noContext = await failure(listContext({ context, dockerfile }));
      expect(noContext).toMatchObject({ code: "context-missing", exitCode: 2, where: context });
    }
  });

  it("names a file it may not read, unless it is excluded", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", "private/file": "" });
    await chmod(folder.join("private"), 0o000);
    await chmod(folder.path, 0o755);
    try {
      expect(await listAsNobody(folder)).toMatchObject({ code: "context-unreadable", where: folder.join("private") });
      await folder.write(".dockerignore", "private\n!**/x\n");
      expect(await listAsNobody(folder)).toEqual([".dockerignore", "Dockerfile"]);
    } finally {
      await chmod(folder.join("private"), 0o700);
    }
  });

  it("does not advise to write a Dockerfile that it may not read", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n" });
    await chmod(folder.path, 0o755);
    await chmod(folder.join("Dockerfile"), 0o000);
    expect(await listAsNobody(folder)).toMatchObject({
      code: "dockerfile-unreadable",
      where: folder.join("Dockerfile"),
      next: "Give yourself permission to read it.",
    });
  });

  it("can be interrupted", async () => {
    const files = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`f${index}`, ""]));
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files });
    const source = { context: folder.path, dockerfile: folder.join("Dockerfile") };
    await expect(listContext(source, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});

/** Root may read everything, so the listing runs as somebody else. */
async function listAsNobody(folder: Folder): Promise<unknown> {
  const { stdout } = await execa(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    env: { FOLDER: folder.path, MODULE: new URL("../../src/build/context.ts", import.meta.url).href },
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  });
  return JSON.parse(stdout);
}

const program = `
  const { listContext } = await import(process.env.MODULE);
  const folder = process.env.FOLDER;
  const result = await listContext({ context: folder, dockerfile: folder + "/Dockerfile" }).then(
    (context) => context.entries.map((entry) => entry.path),
    ({ code, where, next }) => ({ code, where, next }),
  );
  console.log(JSON.stringify(result));
`;
