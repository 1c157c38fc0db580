import { describe, expect, it } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { type Builder, findBuilder } from "../../src/build/builder.ts";
import { Folder } from "./folder.ts";

interface Cli {
  readonly version: string;
  readonly buildx?: string;
  /** What `docker version` says of the engine; missing if no engine answers. */
  readonly engine?: string;
  /** What it prints where none answers. */
  readonly problem?: string;
}

/** Programs that answer like docker CLIs of several versions: what the machine has installed must not matter. */
async function machine(folders: Readonly<Record<string, Cli>>): Promise<Folder> {
  const files = Object.entries(folders).map(([name, cli]) => {
    const buildx = cli.buildx === undefined ? "echo unknown command >&2; exit 1" : `echo '${cli.buildx}'`;
    const engine =
      cli.engine === undefined ? `echo '${cli.problem ?? "Cannot connect"}' >&2; exit 1` : `echo '${cli.engine}'`;
    const text = `#!/bin/sh
case "$1" in
buildx) ${buildx} ;;
--version) echo '${cli.version}' ;;
version) ${engine} ;;
esac
`;
    return [`${name}/docker`, { text, mode: 0o755 }] as const;
  });
  return Folder.of(Object.fromEntries(files));
}

function find(folder: Folder, ...names: readonly string[]): Promise<Builder> {
  return findBuilder({
    variables: { PATH: names.map((name) => folder.join(name)).join(":"), DOCKER_HOST: "unix:///x" },
  });
}

const buildx = "github.com/docker/buildx v0.12.1 30feaa1";
const engine = "1.41 linux Engine,containerd,runc,";
const newCli = { version: "Docker version 28.2.2, build e6534b4", engine };
const oldCli = { version: "Docker version 20.10.24+dfsg1, build 297e128", engine };

describe("finding a builder", () => {
  it("takes buildx wherever it is on PATH", async () => {
    await using folder = await machine({ a: oldCli, b: { ...newCli, buildx } });
    expect(await find(folder, "a", "b")).toEqual({
      kind: "buildx",
      version: "0.12.1",
      binary: folder.join("b/docker"),
      warning: undefined,
    });
  });

  it("passes over a newer CLI without buildx for an older one with BuildKit in it", async () => {
    await using folder = await machine({ a: newCli, b: oldCli });
    expect(await find(folder, "none", "a", "b")).toEqual({
      kind: "buildkit",
      version: "20.10.24+dfsg1",
      binary: folder.join("b/docker"),
      warning: undefined,
    });
  });

  it("falls back to the classic builder, and says what to install", async () => {
    await using folder = await machine({ a: newCli });
    const found = await find(folder, "a");
    expect(found).toMatchObject({ kind: "classic", version: "28.2.2" });
    expect(found.warning).toContain("docker-buildx-plugin");
  });

  it.each(["1.38 linux Engine,", "1.41 windows Engine,", "1.41 linux Podman Engine,Conmon,"])(
    "does not ask an engine for BuildKit that has none: %s",
    async (answer) => {
      await using folder = await machine({ a: { ...oldCli, engine: answer } });
      const found = await find(folder, "a");
      expect(found.kind).toBe("classic");
      expect(found.warning).toContain("has no BuildKit");
    },
  );

  it("passes over Podman's `docker`, broken programs and relative folders", async () => {
    await using folder = await machine({
      a: { version: "podman version 4.3.1", engine },
      b: { version: "" },
      c: { ...newCli, buildx },
    });
    const error = await find(folder, "a", "b").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EnvctlError);
    expect(error).toMatchObject({ code: "docker-missing", exitCode: 1 });
    await expect(findBuilder({ variables: { PATH: "c:./c:" } })).rejects.toMatchObject({ code: "docker-missing" });
  });

  it("says which engine does not answer", async () => {
    await using folder = await machine({ a: { version: oldCli.version } });
    await expect(find(folder, "a")).rejects.toMatchObject({
      code: "engine-unreachable",
      exitCode: 5,
      where: "unix:///x",
      evidence: ["Cannot connect"],
    });
  });

  it.each([
    "Got permission denied while trying to connect to the Docker daemon socket at unix:///x: dial unix /x: connect: permission denied",
    "permission denied while trying to connect to the docker API at unix:///x",
  ])("says that this user may not use the engine: %s", async (problem) => {
    await using folder = await machine({ a: { version: oldCli.version, problem } });
    await expect(find(folder, "a")).rejects.toMatchObject({
      code: "docker-permission-denied",
      exitCode: 5,
      message: expect.stringMatching(/^This user may not use the socket/),
      next: expect.stringContaining("usermod -aG docker"),
    });
  });

  it("can be interrupted", async () => {
    await using folder = await Folder.of({ "a/docker": { text: "#!/bin/sh\nexec sleep 60\n", mode: 0o755 } });
    const variables = { PATH: `${folder.join("a")}:${process.env.PATH}` };
    await expect(findBuilder({ variables, signal: AbortSignal.timeout(200) })).rejects.toThrow("timeout");
  });
});
