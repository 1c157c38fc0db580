import { readdir, readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { Progress, type ProgressEvent } from "../../src/base/progress.ts";
import { type BuildRequest, buildImage } from "../../src/build/build.ts";
import { type Builder, findBuilder } from "../../src/build/builder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { type Content, Folder } from "./folder.ts";

describeLab("a build on a real engine", () => {
  let variables: Readonly<Record<string, string | undefined>>;
  let builder: Builder;

  beforeAll(async () => {
    variables = { ...process.env, ...(await useLab()).env };
    builder = await findBuilder({ variables });
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  async function docker(...command: readonly string[]): Promise<string> {
    return (await execa(builder.binary, command, { env: variables, extendEnv: false })).stdout;
  }

  async function build(
    files: Readonly<Record<string, Content>>,
    changes: Partial<Omit<BuildRequest, "image">> & { image?: Partial<BuildRequest["image"]> } = {},
  ) {
    await using folder = await Folder.of(files);
    const events: ProgressEvent[] = [];
    const outcome = await buildImage({
      labels: {},
      secrets: {},
      builder,
      variables,
      commitTime: undefined,
      progress: new Progress((event) => events.push(event)),
      ...changes,
      image: { ...imageIn(folder), ...changes.image },
    }).catch((error: unknown) => error);
    return { outcome, events, folder: folder.path };
  }

  function loaded(outcome: unknown): string {
    if (outcome instanceof Error) throw outcome;
    return (outcome as { id: string }).id;
  }

  it("gives the image that was asked for: target, arguments, labels, name", async () => {
    const odd = `it's "odd" $(id) \\ ünï`;
    const { outcome, events } = await build(
      {
        Dockerfile: `FROM busybox AS base\nARG WHO\nRUN printf %s "$WHO" >/who\nFROM base AS runtime\nCOPY a /a\nFROM base\nRUN false\n`,
        a: "from the context",
      },
      { image: { target: "runtime", args: { WHO: odd } }, labels: { "test.label": odd }, tag: "build-test:named" },
    );
    const id = loaded(outcome);
    try {
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await docker("run", "--rm", id, "cat", "/who", "/a")).toBe(`${odd}from the context`);
      expect(JSON.parse(await docker("inspect", "--format", "{{json .Config.Labels}}", id))).toMatchObject({
        "test.label": odd,
      });
      expect(await docker("inspect", "--format", "{{.Id}}", "build-test:named")).toBe(id);
    } finally {
      await docker("rmi", "--force", id);
    }
    const titles = events.flatMap((event) => (event.type === "step-started" ? [event.title] : []));
    expect(titles.join("\n")).toContain("COPY a /a");
    const ended = events.filter((event) => event.type === "step-done");
    expect(ended).toHaveLength(titles.length);
  });

  it("builds nothing anew the second time, and says so", async () => {
    const files = { Dockerfile: "FROM busybox\nCOPY a /a\nRUN echo second-time\n", a: "1" };
    const first = await build(files);
    const second = await build(files);
    try {
      expect(loaded(second.outcome)).toBe(loaded(first.outcome));
      const notes = second.events.flatMap((event) => (event.type === "step-done" ? [event.note] : []));
      expect(notes.filter((note) => note === "cached").length).toBeGreaterThanOrEqual(2);
    } finally {
      await docker("rmi", "--force", loaded(first.outcome));
    }
  });

  it("uses build secrets and leaves them nowhere", async () => {
    await using temporary = await Folder.of({});
    vi.stubEnv("TMPDIR", temporary.path);
    const secret = `hunter2-${process.pid}-${Date.now()}`;
    const big = `${secret}-${"x".repeat(150_000)}`;
    const { outcome, events } = await build(
      {
        Dockerfile: `FROM busybox
RUN --mount=type=secret,id=token,required=true cat /run/secrets/token; base64 /run/secrets/token
RUN --mount=type=secret,id=big,required=true wc -c </run/secrets/big
`,
      },
      // The value is no part of the cache's key: without this, a second run of the test would run nothing.
      { noCache: true, secrets: { token: secret, big }, image: { secrets: ["token", "big"] } },
    );
    const id = loaded(outcome);
    try {
      const output = JSON.stringify(events);
      expect(output).toContain("***");
      expect(output).toContain(String(big.length));
      const image = await execa(builder.binary, ["save", id], { env: variables, extendEnv: false, encoding: "buffer" });
      const history = await docker("history", "--no-trunc", id);
      for (const text of [output, history, Buffer.from(image.stdout).toString("latin1")]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(Buffer.from(secret).toString("base64"));
      }
    } finally {
      await docker("rmi", "--force", id);
    }
    expect(await readdir(temporary.path)).toEqual([]);
  });

  it("that fails shows the step, its output and the line", async () => {
    const secret = "s3cret-of-the-build";
    const { outcome, events, folder } = await build(
      {
        Dockerfile: `FROM busybox
RUN true
RUN --mount=type=secret,id=token \\
  echo compiling; cat /run/secrets/token; echo; echo 'no such module' >&2; exit 7
`,
      },
      { noCache: true, secrets: { token: secret }, image: { secrets: ["token"] } },
    );
    expect(outcome).toBeInstanceOf(EnvctlError);
    const error = outcome as EnvctlError;
    expect(error).toMatchObject({ code: "build-failed", exitCode: 1, where: `${folder}/Dockerfile:3` });
    expect(error.message).toContain("exit code: 7");
    // Joined: what a program writes to its two streams may meet in one line.
    for (const text of ["compiling", "***", "no such module"]) expect(error.evidence.join("\n")).toContain(text);
    expect(JSON.stringify([error, error.message, events])).not.toContain(secret);
    expect(events.some((event) => event.type === "step-failed")).toBe(true);
  });

  it.each([
    ["FROM busybox\nRUNN x\n", "unknown instruction", ":2"],
    ["FROM busybox\nCOPY nothing /x\n", "nothing", ":2"],
    ["", "", ""],
  ])("says what is wrong with the Dockerfile %j", async (dockerfile, what, where) => {
    const { outcome } = await build({ Dockerfile: dockerfile });
    expect(outcome).toMatchObject({ code: "build-failed", exitCode: 1 });
    const error = outcome as EnvctlError;
    expect([error.message, ...error.evidence].join("\n")).toContain(what);
    expect(error.where).toMatch(new RegExp(`Dockerfile${where}$`));
  });

  it("says that the target does not exist", async () => {
    const { outcome } = await build({ Dockerfile: "FROM busybox\n" }, { image: { target: "none" } });
    expect((outcome as EnvctlError).next).toContain("image.target");
  });

  it("on the classic builder gives the same", async () => {
    const old = { ...builder, kind: "classic" as const };
    const files = {
      Dockerfile: "FROM busybox\nARG A\nCOPY a /a\nRUN echo $A >/b\n",
      a: "1",
      "Dockerfile.dockerignore": "b",
    };
    const good = await build(files, { builder: old, image: { args: { A: "x y" } } });
    const id = loaded(good.outcome);
    try {
      expect(await docker("run", "--rm", id, "cat", "/b")).toBe("x y");
    } finally {
      await docker("rmi", "--force", id);
    }
    expect(good.events.filter((event) => event.type === "warning").join()).not.toBe("");
    const titles = good.events.flatMap((event) => (event.type === "step-started" ? [event.title] : []));
    expect(titles).toEqual(["[1/4] FROM busybox", "[2/4] ARG A", "[3/4] COPY a /a", "[4/4] RUN echo $A >/b"]);
    const bad = await build({ Dockerfile: "FROM busybox\nRUN echo oops; exit 5\n" }, { builder: old });
    expect(bad.outcome).toMatchObject({ code: "build-failed", where: `${bad.folder}/Dockerfile:2` });
    expect((bad.outcome as EnvctlError).message).toContain("exit code: 5");
    expect((bad.outcome as EnvctlError).evidence).toContain("oops");
  });

  it("says that the engine is out of reach", async () => {
    const away = { ...variables, DOCKER_HOST: "unix:///nowhere/docker.sock" };
    const { outcome } = await build({ Dockerfile: "FROM busybox\n" }, { variables: away });
    expect(outcome).toMatchObject({ code: "engine-unreachable", exitCode: 5, where: away.DOCKER_HOST });
  });

  it("that is interrupted leaves no process and no file", async () => {
    await using temporary = await Folder.of({});
    await using folder = await Folder.of({});
    vi.stubEnv("TMPDIR", temporary.path);
    const stop = new AbortController();
    const marker = `sleep-${process.pid}-${Date.now()}`;
    await folder.write("Dockerfile", `FROM busybox\nRUN echo ${marker} started; sleep 300; true\n`);
    let ended: Promise<unknown> | undefined;
    await new Promise<void>((resolve) => {
      const progress = new Progress((event) => {
        if (event.type === "step-output" && event.line.includes("started")) resolve();
      });
      const request = {
        image: imageIn(folder),
        labels: { marker },
        secrets: {},
        builder,
        variables,
        commitTime: undefined,
      };
      ended = buildImage({ ...request, progress, signal: stop.signal }).catch((error: unknown) => error);
    });
    // The builder's client, and the step itself in the engine.
    expect((await processes(marker)).length).toBeGreaterThanOrEqual(2);
    const before = performance.now();
    stop.abort(new Error("interrupted"));
    expect(String(await ended)).toContain("interrupted");
    expect(performance.now() - before).toBeLessThan(9_000);
    // The engine ends the step's container a moment after its client left.
    for (let tries = 0; tries < 50 && (await processes(marker)).length > 0; tries += 1) await setTimeout(100);
    expect(await processes(marker)).toEqual([]);
    expect(await readdir(temporary.path)).toEqual([]);
  });
});

function imageIn(folder: Folder): BuildRequest["image"] {
  return {
    registry: undefined,
    path: "build-test",
    context: folder.path,
    dockerfile: folder.join("Dockerfile"),
    target: undefined,
    args: {},
    secrets: [],
    platforms: [],
  };
}

/** Command lines on this machine that hold the text, those in containers included. */
async function processes(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(text)) found.push(line.replaceAll("\0", " "));
  }
  return found;
}
