import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { capture } from "../../src/engine/capture.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";

/** What a proxy's container needs of an engine, whichever it is: files, networks, signals, short commands. */
export function filesAndNetworks(engineOf: () => Engine, specOf: (changes: Partial<ContainerSpec>) => ContainerSpec) {
  const create = (changes: Partial<ContainerSpec> = {}) => engineOf().createContainer(specOf(changes));
  const started = async (changes: Partial<ContainerSpec> = {}) => {
    const id = await create(changes);
    await engineOf().startContainer(id);
    return id;
  };
  const output = async (id: string, ...command: string[]) => {
    const { exitCode, stdout, stderr } = await capture(engineOf(), id, command);
    expect([exitCode, stderr]).toEqual([0, ""]);
    return stdout;
  };
  const text = async (id: string, path: string) => {
    const content = await engineOf().readFile(id, path);
    return content && Buffer.from(content).toString();
  };

  afterEach(async () => {
    for (const { id } of await engineOf().containers(specOf({}).labels)) await engineOf().removeContainer(id);
  });

  test("takes files before the start, while it runs, and after the stop, on a volume and beside it", async () => {
    const engine = engineOf();
    const volume = "files-test";
    await engine.ensureVolume(volume, specOf({}).labels);
    const mounts = [{ kind: "volume" as const, source: volume, target: "/data", readOnly: false }];
    const id = await create({ mounts });
    const files = (content: string) => [
      { path: "/data/deep/er/file", content },
      { path: "/etc/own/file", content, mode: 0o600 },
      { path: "/bare", content: new Uint8Array([0, 255, 10]) },
    ];
    const contents = () => Promise.all([text(id, "/data/deep/er/file"), text(id, "/etc/own/file")]);
    await engine.writeFiles(id, files("created"));
    expect(await contents()).toEqual(["created", "created"]);
    await engine.startContainer(id);
    expect(await output(id, "cat", "/data/deep/er/file", "/etc/own/file")).toBe("createdcreated");
    await engine.writeFiles(id, files("running"));
    await engine.writeFiles(id, files("running"));
    expect(await output(id, "cat", "/data/deep/er/file", "/etc/own/file")).toBe("runningrunning");
    expect(await contents()).toEqual(["running", "running"]);
    await engine.stopContainer(id, 0);
    await engine.writeFiles(id, files("stopped"));
    expect(await contents()).toEqual(["stopped", "stopped"]);
    await engine.removeContainer(id);
    // Only what lies on the volume is there in another container.
    const other = await started({ mounts });
    expect(await output(other, "cat", "/data/deep/er/file")).toBe("stopped");
    expect(await engine.readFile(other, "/etc/own/file")).toBeUndefined();
    await engine.removeContainer(other);
    await engine.removeVolume(volume);
  });

  test("gives files to root with their modes, and leaves folders that are there as they are", async () => {
    const engine = engineOf();
    const id = await started();
    const root = await output(id, "stat", "-c", "%n %u:%g %a", "/");
    await output(id, "sh", "-c", "mkdir -m 1750 /kept && chown 5:6 /kept");
    await engine.writeFiles(id, [
      { path: "/kept/plain", content: "x" },
      { path: "/kept/new/secret", content: "y", mode: 0o600 },
      { path: "/tmp/program", content: "#!/bin/sh\necho ran\n", mode: 0o755 },
    ]);
    const facts = await output(
      id,
      "stat",
      "-c",
      "%n %u:%g %a",
      "/kept",
      "/kept/plain",
      "/kept/new/secret",
      "/tmp",
      "/",
    );
    expect(facts.trim().split("\n")).toEqual([
      "/kept 5:6 1750",
      "/kept/plain 0:0 644",
      "/kept/new/secret 0:0 600",
      "/tmp 0:0 1777",
      root.trim(),
    ]);
    expect(await output(id, "stat", "-c", "%u:%g %a", "/kept/new")).toMatch(/^0:0 7[05][05]\n$/);
    expect(await output(id, "/tmp/program")).toBe("ran\n");
    await engine.removeContainer(id);
  });

  test("reads what was written byte by byte, long names and empty files too", async () => {
    const engine = engineOf();
    const id = await started();
    const files = [
      { path: "/large", content: randomBytes(3_000_000) },
      { path: "/empty", content: "" },
      { path: `/${"long/".repeat(60)}${"n".repeat(150)}-ü`, content: "ü" },
    ];
    await engine.writeFiles(id, files);
    for (const { path, content } of files) {
      expect(Buffer.compare((await engine.readFile(id, path)) ?? Buffer.from("none"), Buffer.from(content))).toBe(0);
    }
    await output(id, "sh", "-c", "head -c 17000000 /dev/zero > /beyond");
    await expect(engine.readFile(id, "/beyond")).rejects.toMatchObject({ code: "answer-too-large" });
    expect(await text(id, "/empty")).toBe("");
    await engine.removeContainer(id);
  });

  test("reads the files of a folder and of all below it, and one file alone", async () => {
    const engine = engineOf();
    const id = await started();
    const files = ["/out/a", "/out/deep/b", "/outer"].map((path) => ({ path, content: path }));
    await engine.writeFiles(id, files);
    await output(id, "ln", "-s", "/outer", "/out/link");
    const read = async (path: string) =>
      [...((await engine.readFiles(id, path)) ?? [])]
        .map(([name, content]) => `${name}=${Buffer.from(content)}`)
        .sort();
    await engine.stopContainer(id, 0);
    expect(await read("/out")).toEqual(["/out/a=/out/a", "/out/deep/b=/out/deep/b"]);
    expect(await read("/out/deep/b")).toEqual(["/out/deep/b=/out/deep/b"]);
    expect(await engine.readFiles(id, "/none")).toBeUndefined();
    expect(await engine.readFiles("files-test-none", "/out")).toBeUndefined();
    await engine.removeContainer(id);
  });

  test("says undefined of files and containers that are not there, and refuses paths that are none", async () => {
    const engine = engineOf();
    const id = await started();
    for (const path of ["/no/such/file", "/none", "/tmp"]) expect(await engine.readFile(id, path)).toBeUndefined();
    expect(await engine.readFile("files-test-none", "/etc/passwd")).toBeUndefined();
    const none = engine.writeFiles("files-test-none", [{ path: "/x", content: "" }]);
    await expect(none).rejects.toMatchObject({ code: "container-missing", where: engine.name });
    for (const path of ["relative", "/a/../../b", "/folder/", "/", "", "/nul\0"]) {
      await expect(engine.writeFiles(id, [{ path, content: "" }])).rejects.toMatchObject({ code: "path-invalid" });
    }
    await engine.writeFiles(id, []);
    await engine.removeContainer(id);
  });

  test("attaches and detaches, twice, running or not", async () => {
    const engine = engineOf();
    const { labels, network } = specOf({});
    const second = "files-test-second";
    await engine.ensureNetwork(second, labels);
    const networks = async (id: string) => Object.keys((await engine.container(id))?.networks ?? {}).sort();
    const id = await create();
    const both = [network, second].sort();
    for (const running of [false, true]) {
      if (running) await engine.startContainer(id);
      for (let time = 1; time <= 2; time += 1) await engine.connectNetwork(second, id);
      expect(await networks(id)).toEqual(both);
      if (running) expect(await output(id, "ip", "-o", "-4", "addr")).toMatch(/eth0.*\n.*eth1/);
      for (let time = 1; time <= 2; time += 1) await engine.disconnectNetwork(second, id);
      expect(await networks(id)).toEqual([network]);
    }
    await expect(engine.connectNetwork("files-test-none", id)).rejects.toMatchObject({ where: engine.name });
    await expect(engine.connectNetwork(second, "files-test-none")).rejects.toMatchObject({ code: "container-missing" });
    await engine.disconnectNetwork("files-test-none", id);
    await engine.disconnectNetwork(second, "files-test-none");
    await engine.removeContainer(id);
    await engine.disconnectNetwork(second, id);
    await engine.removeNetwork(second);
  });

  test("finds containers of a network it was attached to by name", async () => {
    const engine = engineOf();
    const second = "files-test-second";
    await engine.ensureNetwork(second, specOf({}).labels);
    const app = await started({ name: "files-test-app", network: second });
    const id = await started();
    await engine.connectNetwork(second, id);
    expect(await output(id, "ping", "-c", "1", "-w", "5", "files-test-app")).toMatch(/ 0% packet loss/);
    for (const each of [app, id]) await engine.removeContainer(each);
    await engine.removeNetwork(second);
  });

  test("sends signals and restarts", async () => {
    const engine = engineOf();
    const command = ["sh", "-c", "trap 'echo hup >> /seen' HUP; echo up >> /seen; while :; do sleep 0.1; done"];
    const id = await started({ command });
    const seen = async (expected: string) => {
      for (let attempt = 0; attempt < 50 && (await text(id, "/seen")) !== expected; attempt += 1) await setTimeout(100);
      expect(await text(id, "/seen")).toBe(expected);
    };
    await seen("up\n");
    await engine.signalContainer(id, "SIGHUP");
    await seen("up\nhup\n");
    await engine.restartContainer(id, 0);
    await seen("up\nhup\nup\n");
    await engine.stopContainer(id, 0);
    await expect(engine.signalContainer(id, "SIGHUP")).rejects.toMatchObject({ code: "container-not-running" });
    await engine.restartContainer(id, 0);
    await seen("up\nhup\nup\nup\n");
    await engine.removeContainer(id);
    await expect(engine.signalContainer(id, "SIGHUP")).rejects.toMatchObject({ code: "container-missing" });
    await expect(engine.restartContainer(id, 0)).rejects.toMatchObject({ code: "container-missing" });
  });

  test("captures what a command prints, up to a limit", async () => {
    const engine = engineOf();
    const id = await started();
    const answer = await capture(engine, id, ["sh", "-c", "echo out; echo 'ü err' >&2; exit 7"]);
    expect(answer).toEqual({ exitCode: 7, stdout: "out\n", stderr: "ü err\n" });
    const noisy = await capture(engine, id, ["sh", "-c", "yes e | head -c 200000 >&2; echo last >&2"]);
    expect(noisy.stderr).toHaveLength(65_536);
    expect(noisy.stderr).toMatch(/e\nlast\n$/);
    const endless = capture(engine, id, ["head", "-c", "2000000", "/dev/zero"]);
    await expect(endless).rejects.toMatchObject({ code: "output-too-large", where: engine.name });
    await engine.removeContainer(id);
  });
}
