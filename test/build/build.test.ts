import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { Progress } from "../../src/base/progress.ts";
import { type BuildRequest, buildImage } from "../../src/build/build.ts";
import { buildArguments } from "../../src/build/build-arguments.ts";
import type { Builder } from "../../src/build/builder.ts";
import { Folder } from "./folder.ts";

const buildx: Builder = { kind: "buildx", version: "0.12.1", binary: "/usr/bin/docker", warning: undefined };
const buildkit: Builder = { ...buildx, kind: "buildkit", version: "20.10.24" };
const classic: Builder = { ...buildx, kind: "classic", version: "28.2.2" };

const image: BuildRequest["image"] = {
  registry: undefined,
  path: "shop",
  context: "/app",
  dockerfile: "/app/Dockerfile",
  target: undefined,
  args: {},
  secrets: [],
  platforms: [],
};

const command = {
  image,
  labels: {},
  tag: undefined,
  push: undefined,
  commitTime: undefined,
  noCache: false,
  pull: false,
  secretOptions: [],
  resultFile: "/tmp/result",
};

describe("the builder's command line", () => {
  it("for buildx loads the image, and keeps attestations from changing its digest", () => {
    expect(
      buildArguments({
        ...command,
        builder: buildx,
        image: { ...image, target: "runtime", args: { A: "b;$(c)" }, platforms: ["linux/amd64"] },
        labels: { l: "v w" },
        tag: "shop:1",
        commitTime: new Date("2026-01-02T03:04:05.600Z"),
        noCache: true,
        pull: true,
        secretOptions: ["--secret", "id=t,env=X"],
      }),
    ).toEqual([
      ...["buildx", "build", "--progress=plain", "--load", "--iidfile", "/tmp/result", "--tag", "shop:1"],
      ...["--provenance=false", "--no-cache", "--pull", "--target", "runtime", "--platform", "linux/amd64"],
      ...["--build-arg", "A=b;$(c)", "--build-arg", "SOURCE_DATE_EPOCH=1767323045", "--secret", "id=t,env=X"],
      ...["--label", "l=v w", "--file", "/app/Dockerfile", "--", "/app"],
    ]);
  });

  it("for several platforms pushes, and has the digest written down", () => {
    const pushed = buildArguments({ ...command, builder: buildx, push: "r.example.com/shop:x" });
    expect(pushed.join(" ")).toContain("--push --tag r.example.com/shop:x --metadata-file /tmp/result");
    expect(pushed).not.toContain("--load");
  });

  it("holds only what a builder understands", () => {
    const time = { commitTime: new Date() };
    expect(buildArguments({ ...command, ...time, builder: classic })).toEqual([
      ...["build", "--iidfile", "/tmp/result", "--file", "/app/Dockerfile", "--", "/app"],
    ]);
    expect(buildArguments({ ...command, builder: { ...buildx, version: "0.9.1" } })).not.toContain(
      "--provenance=false",
    );
    const own = { ...command, ...time, image: { ...image, args: { SOURCE_DATE_EPOCH: "0" } }, builder: buildkit };
    expect(buildArguments(own).filter((argument) => argument.startsWith("SOURCE"))).toEqual(["SOURCE_DATE_EPOCH=0"]);
  });

  it("keeps every value one argument, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (argument, label) => {
        const all = buildArguments({
          ...command,
          builder: buildkit,
          image: { ...image, args: { A: argument } },
          labels: { l: label },
        });
        expect(all).toContain(`A=${argument}`);
        expect(all).toContain(`l=${label}`);
        expect(all.slice(-2)).toEqual(["--", "/app"]);
      }),
    );
  });
});

/** A program in docker's place: shows what it was given. */
async function spy(script: string): Promise<Folder> {
  return Folder.of({ docker: { text: `#!/bin/sh\n${script}\n`, mode: 0o755 }, Dockerfile: "FROM scratch\n" });
}

function request(folder: Folder, changes: Partial<BuildRequest> = {}): BuildRequest {
  return {
    image: { ...image, context: folder.path, dockerfile: folder.join("Dockerfile") },
    labels: {},
    secrets: {},
    builder: { ...buildx, binary: folder.join("docker") },
    variables: { PATH: process.env.PATH, SPY: folder.join("spy") },
    commitTime: undefined,
    progress: new Progress(() => {}),
    ...changes,
  };
}

describe("a build", () => {
  const id = digestOf("image");
  const writeId = `while [ $# -gt 0 ]; do case "$1" in --iidfile) printf %s ${id} >"$2";; --metadata-file) printf '%s' '{"containerimage.digest":"${id}"}' >"$2";; esac; shift; done`;

  it("returns the image's id, or the digest of what was pushed", async () => {
    await using folder = await spy(writeId);
    expect(await buildImage(request(folder))).toMatchObject({ kind: "loaded", id });
    expect(await buildImage(request(folder, { push: "r/x:1" }))).toMatchObject({ kind: "pushed", digest: id });
  });

  it("gives secrets to the builder out of sight, and takes them out of all it says", async () => {
    const secret = "hunter2-hunter2";
    const long = `${"0123456789".repeat(12_000)}!`;
    const script = `echo "$@" >"$SPY.argv"; env >"$SPY.env"; pwd >"$SPY.pwd"
for a in "$@"; do case "$a" in *src=*) f=\${a#*src=}; stat -c '%a %s' "$f" >"$SPY.file"; stat -c %a "$(dirname "$f")" >>"$SPY.file"; echo "$f" >"$SPY.path";; esac; done
echo "#1 [1/1] RUN x ${secret}"; echo "#1 0.1 ${secret}"; echo "#1 ERROR: ${secret}"; echo "ERROR: failed to solve: ${secret}" >&2; exit 1`;
    await using folder = await spy(script);
    const events: string[] = [];
    const failure = await buildImage(
      request(folder, {
        secrets: { token: secret, big: long },
        progress: new Progress((event) => events.push(JSON.stringify(event))),
      }),
    ).catch((thrown: unknown) => thrown);
    const argv = await readFile(folder.join("spy.argv"), "utf8");
    expect(argv).toContain("id=token,env=ENVCTL_BUILD_SECRET_0");
    expect(argv).not.toContain(secret);
    expect(await readFile(folder.join("spy.env"), "utf8")).toContain(`ENVCTL_BUILD_SECRET_0=${secret}`);
    expect(await readFile(folder.join("spy.file"), "utf8")).toBe(`600 ${long.length}\n700\n`);
    // Gone afterwards, with its folder.
    await expect(readFile((await readFile(folder.join("spy.path"), "utf8")).trim())).rejects.toThrow("ENOENT");
    expect(failure).toMatchObject({ code: "build-failed" });
    const said = JSON.stringify([failure, String(failure), events]);
    expect(said).toContain("***");
    expect(said).not.toContain(secret);
  });

  it("refuses secret names that would be more than a name", async () => {
    await using folder = await spy("true");
    await expect(buildImage(request(folder, { secrets: { "a,src=/etc/shadow": "x" } }))).rejects.toMatchObject({
      code: "secret-invalid",
      exitCode: 2,
    });
  });

  it("refuses what the builder can't do before it starts", async () => {
    await using folder = await spy(`touch "$SPY.started"`);
    const binary = folder.join("docker");
    const base = request(folder);
    const several = { ...base.image, platforms: ["linux/amd64", "linux/arm64"] };
    const refused: readonly Partial<BuildRequest>[] = [
      { builder: { ...classic, binary }, secrets: { a: "b" } },
      { builder: { ...classic, binary }, image: { ...base.image, secrets: ["a"] } },
      { builder: { ...buildkit, binary }, image: several, push: "r/x:1" },
      { builder: { ...buildkit, binary }, push: "r/x:1" },
    ];
    for (const changes of refused) {
      await expect(buildImage({ ...base, ...changes })).rejects.toMatchObject({ code: "builder-too-old", exitCode: 2 });
    }
    await expect(buildImage({ ...base, image: several })).rejects.toMatchObject({ code: "push-needed" });
    await expect(readFile(folder.join("spy.started"))).rejects.toThrow("ENOENT");
  });

  it("that says nothing of its image is no success", async () => {
    await using folder = await spy("true");
    await expect(buildImage(request(folder))).rejects.toMatchObject({ code: "build-failed" });
  });
});
