import { appendFile, chmod, rm, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseHostAddress } from "../../src/base/host.ts";
import { readSyncedMarker } from "../../src/dev/synced-marker.ts";
import type { ContainerSpec } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { syncAllTo } from "./copied-rules.ts";
import { expectedListing, Pair, Sandbox } from "./sandbox.ts";
import { Synced } from "./synced.ts";

const files = (count: number, text: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index % 20}/f${index}`, `${text} ${index}\n`]));

describeLab("a sync into a container", () => {
  let lab: Lab;
  let sandbox: Sandbox;

  beforeAll(async () => {
    lab = await useLab();
    sandbox = await Sandbox.open(lab);
    for (const image of ["busybox:latest", "node:20-slim"]) await sandbox.docker("pull", "-q", image);
  });
  afterAll(async () => await sandbox.cleanUp());

  const start = async (...args: string[]) => {
    const id = await sandbox.run(...args, "busybox:latest", "sh", "-c", "mkdir -p /app; exec sleep 1000");
    await expect.poll(async () => await sandbox.docker("exec", id, "ls", "-d", "/app")).toBe("/app");
    return id;
  };

  it("is done once for the same container, and again after a restart only as far as it differs", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files(100, "one") });
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id);
    await synced.converged();
    await synced.sync();
    expect(synced.reports.at(-1)).toMatchObject({ written: [], removed: [], bytes: 0 });
    await sandbox.docker("restart", "-t", "0", id);
    await synced.tree.ended;
    expect(synced.tree.alive).toBe(false);
    await expect(synced.tree.reconcile(new Map())).rejects.toMatchObject({ code: "sync-lost" });
    await writeFile(folder.join("d1/f1"), "while it was away\n");
    await synced.attach();
    await synced.converged();
    const sent = new Set(synced.reports.flatMap(({ written }) => written).slice(100 + 20));
    expect([...sent]).toEqual(["/app/d1/f1"]);
  });

  it("terminated container: what was deleted while it was stopped is deleted when it starts", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files(10, "one") });
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id);
    await sandbox.docker("kill", id);
    await synced.tree.ended;
    await rm(folder.join("d3"), { recursive: true });
    await expect(sandbox.tree(id, { root: folder.path, holds: "unknown" })).rejects.toMatchObject({
      code: "container-not-running",
    });
    await sandbox.docker("start", id);
    await synced.attach();
    await synced.converged();
  });

  it("killed mid-sync, it converges once the container runs again", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", "a.txt": "a" });
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id);
    for (const [path, text] of Object.entries(files(1_500, "x".repeat(3_000)))) await folder.write(path, text);
    await synced.watched.local.refresh("everything");
    const cut = synced.sync();
    await sandbox.docker("kill", id);
    await cut;
    await sandbox.docker("start", id);
    await synced.attach();
    await synced.converged("/app", 20_000);
  });

  it("replaced, the new container gets the full state", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files(50, "one") });
    await using synced = await Synced.of(sandbox, folder, await start());
    await writeFile(folder.join("d1/f1"), "two\n");
    await synced.watched.converged();
    await synced.attach(await start(), "image");
    await synced.converged();
  });

  it("sends only what differs from the image, deletes what the image has too much, and marks the container", async () => {
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      "same.txt": "same\n",
      "other.txt": "old\n",
      "gone.txt": "x\n",
    });
    const id = await start();
    const pair = await Pair.of(folder);
    const image = await pair.desired();
    const first = await sandbox.tree(id, { root: folder.path });
    await first.reconcile(image);
    await first.reconcile(new Map());
    expect(await readSyncedMarker(sandbox.engine, id)).toBeUndefined();
    await first.reconcile(image);
    await first.close();
    // From here on it counts as made of an image that holds these files.
    const tree = await sandbox.tree(id, { root: folder.path, image, holds: "image" });
    await writeFile(folder.join("other.txt"), "new\n");
    await rm(folder.join("gone.txt"));
    const report = await tree.reconcile(await pair.desired());
    expect(report).toMatchObject({ written: ["/app/other.txt"], removed: ["/app/gone.txt"], different: 2 });
    expect(await readSyncedMarker(sandbox.engine, id)).toEqual({
      changed: ["/app/other.txt"],
      removed: ["/app/gone.txt"],
    });
    await writeFile(folder.join("other.txt"), "old\n");
    await writeFile(folder.join("gone.txt"), "x\n");
    expect(await tree.reconcile(await pair.desired())).toMatchObject({ different: 0 });
    expect(await readSyncedMarker(sandbox.engine, id)).toBeUndefined();
    await tree.close();
  });

  it("writes into a tmpfs and into volumes; a read-only one is told of once, path by path, and the rest goes on", async () => {
    const [written, readOnly] = [await sandbox.volume(), await sandbox.volume()];
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      ...{ "tmp/a": "1", "vol/a": "1", "ro/a": "1", "ro/b": "1", plain: "1" },
    });
    const mounts = ["--tmpfs", "/app/tmp", "-v", `${written}:/app/vol`, "-v", `${readOnly}:/app/ro:ro`];
    const id = await start(...mounts);
    const pair = await Pair.of(folder);
    const tree = await sandbox.tree(id, { root: folder.path });
    const report = await tree.reconcile(await pair.desired());
    expect(report.refused.map(({ path }) => path).filter((path) => path !== "/app/ro")).toEqual([
      "/app/ro/a",
      "/app/ro/b",
    ]);
    expect(report.refused[0]?.why).toMatch(/[Rr]ead-only/);
    expect(await sandbox.docker("exec", id, "cat", "/app/tmp/a", "/app/vol/a", "/app/plain")).toBe("111");
    await writeFile(folder.join("plain"), "2");
    expect(await tree.reconcile(await pair.desired())).toMatchObject({ written: ["/app/plain"], refused: [] });
    // A file where a volume is mounted would cost what is in the volume.
    await rm(folder.join("vol"), { recursive: true });
    await writeFile(folder.join("vol"), "a file");
    const { refused } = await tree.reconcile(await pair.desired());
    expect(refused).toContainEqual({ path: "/app/vol", why: "a volume is mounted there" });
    await tree.close();
  });

  it("a read-only root, and an image without tools where no busybox is to be had, are said to be impossible", async () => {
    const frozen = await sandbox.run("--read-only", "busybox:latest", "sleep", "1000");
    const impossible = { code: "sync-impossible", message: expect.stringContaining("read-only") };
    await expect(sandbox.tree(frozen, { root: "/" })).rejects.toMatchObject(impossible);
    // There the engine refuses the archive with busybox.
    const bare = await sandbox.run("--read-only", await sandbox.scratchImage());
    await expect(sandbox.tree(bare, { root: "/" })).rejects.toMatchObject({ ...impossible, next: undefined });
    const scratch = await sandbox.run(await sandbox.scratchImage());
    const busybox = async () => Promise.reject(new Error("no registry"));
    await expect(sandbox.tree(scratch, { root: "/", busybox })).rejects.toMatchObject({ code: "sync-impossible" });
    const withoutTar = await sandbox.run("busybox:latest", "sleep", "1000");
    await sandbox.docker("exec", withoutTar, "rm", "/bin/tar", "/bin/xargs");
    const tree = await sandbox.tree(withoutTar, { root: "/" });
    expect(tree.alive).toBe(true);
    await tree.close();
  });

  it("takes busybox through a container that says whose it is, and once more where that was cleared away", async () => {
    const place = { "envctl.environment": "sync-test", "envctl.stage": "dev" };
    const labels = Object.entries(place).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
    const id = await sandbox.run(...labels, await sandbox.scratchImage());
    const made: ContainerSpec[] = [];
    const { engine } = sandbox;
    const cleared = new Proxy(engine, {
      get: (_, name) => {
        if (name === "createContainer") {
          return async (spec: ContainerSpec, signal?: AbortSignal) => {
            const container = await engine.createContainer(spec, signal);
            if (made.push(spec) === 1) await engine.removeContainer(container);
            return container;
          };
        }
        const value: unknown = Reflect.get(engine, name);
        return typeof value === "function" ? value.bind(engine) : value;
      },
    });
    const tree = await sandbox.tree(id, { root: "/" }, cleared);
    await tree.close();
    const task = { ...place, "envctl.role": "task", "envctl.workload": "busybox" };
    expect(made.map((spec) => spec.labels)).toEqual([task, task]);
    expect(await engine.containers(task)).toEqual([]);
  });

  it("gives files to named users of the image, and refuses names that it does not know", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", "d/a": "1" });
    const id = await sandbox.run("--user", "node", "node:20-slim", "sleep", "1000");
    const named = await Pair.of(folder, syncAllTo("/app", { user: "node", group: "node" }));
    const tree = await sandbox.tree(id, { root: folder.path });
    await tree.reconcile(await named.desired());
    expect(Object.values(await sandbox.list(id, "/app")).map((line) => line.split(" ")[1])).toEqual([
      "1000:1000",
      "1000:1000",
    ]);
    const unknown = await Pair.of(folder, syncAllTo("/app", { user: "nobody-here", group: "0" }));
    const { refused } = await tree.reconcile(await unknown.desired());
    expect(refused[0]?.why).toContain("nobody-here");
    await tree.close();
  });

  it("a file changed again while it is being sent, small or large, ends up as it is on disk", async () => {
    const size = 24 << 20;
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", small: "1" });
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id);
    await writeFile(folder.join("large"), Buffer.alloc(size, 1));
    for (let round = 0; round < 20; round += 1) {
      await appendFile(folder.join("large"), `grown ${round}\n`);
      await writeFile(folder.join("small"), `${round}`.repeat(round * 1_000));
    }
    await writeFile(folder.join("large"), Buffer.alloc(size / 2, 2));
    await synced.converged("/app", 20_000);
  });

  it("implied directories get the owner and mode that they should have; of rapid writes, of x, y and z, the last one stays", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", rapid: "", xyz: "" });
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id, syncAllTo("/app/src", { user: "1000", group: "1001" }));
    await folder.write("new/nested/er/file", "1");
    await chmod(folder.join("new/nested"), 0o750);
    await synced.converged("/app/src");
    for (let write = 1; write <= 100; write += 1) {
      await writeFile(folder.join("rapid"), `write ${write}`);
      await setTimeout(10);
    }
    for (const text of ["x", "y", "z"]) await writeFile(folder.join("xyz"), text);
    await synced.converged("/app/src");
    expect(await sandbox.docker("exec", id, "cat", "/app/src/rapid", "/app/src/xyz")).toBe("write 100z");
  });

  it.each(["busybox:latest", "node:20-slim"])(
    "symlinked target in %s: what is behind the link changes, and the link stays",
    async (image) => {
      await using folder = await Folder.of({
        Dockerfile: "FROM scratch\n",
        "a.txt": "1",
        "d/e/b.txt": "1",
        ...files(100, "one"),
      });
      const id = await sandbox.run(image, "sh", "-c", "mkdir -p /srv/real && ln -s /srv/real /app && exec sleep 1000");
      await expect
        .poll(async () => await sandbox.docker("exec", id, "readlink", "/app").catch(() => ""))
        .toBe("/srv/real");
      await using synced = await Synced.of(sandbox, folder, id);
      await writeFile(folder.join("a.txt"), "2");
      await folder.write("new/file", "new");
      await rm(folder.join("d/e"), { recursive: true });
      await synced.watched.converged();
      const names = async () =>
        Object.keys(await sandbox.list(id, "/srv/real")).map((path) => path.slice("/srv/real/".length));
      const wanted = [...synced.watched.local.tree.keys()].filter((path) => path !== "Dockerfile").sort();
      await expect.poll(async () => (await names()).sort()).toEqual(wanted);
      expect(await sandbox.docker("exec", id, "sh", "-c", "cat /app/a.txt; readlink /app")).toBe("2/srv/real");
    },
  );

  it("overlapping archives: of two batches in flight for the same paths the newer one stays", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files(300, "one"), single: "one\n" });
    const id = await start();
    const pair = await Pair.of(folder);
    const tree = await sandbox.tree(id, { root: folder.path });
    const under = [tree.reconcile(await pair.desired())];
    for (const round of ["two", "three"]) {
      for (const [path, text] of Object.entries(files(300, round))) await writeFile(folder.join(path), text);
      await writeFile(folder.join("single"), `${round}\n`);
      under.push(tree.reconcile(await pair.desired()));
    }
    await Promise.all(under);
    expect(await sandbox.list(id, "/app")).toEqual(expectedListing(await pair.desired(), "/app"));
    await tree.close();
  });

  it("a git checkout of 2,000 files is one batch, and arrives whole", async () => {
    await using folder = await Folder.of({
      Dockerfile: "FROM scratch\n",
      ".dockerignore": ".git\n",
      ...files(2_000, "main"),
    });
    const git = async (...args: string[]) =>
      await execa("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: folder.path });
    await git("init", "-q", "-b", "main");
    await git("add", "-A");
    await git("commit", "-q", "-m", "main");
    await git("checkout", "-q", "-b", "other");
    for (const [path, text] of Object.entries(files(1_900, "other"))) await writeFile(folder.join(path), text);
    await rm(folder.join("d19"), { recursive: true });
    await folder.write("new folder/ünï", "new\n");
    await git("add", "-A");
    await git("commit", "-q", "-m", "other");
    const id = await start();
    await using synced = await Synced.of(sandbox, folder, id);
    await synced.converged();
    const before = synced.watched.changes.length;
    await git("checkout", "-q", "main");
    await synced.converged("/app", 20_000);
    expect(synced.watched.changes.length - before).toBeLessThanOrEqual(2);
    expect(synced.watched.changes[before]?.length).toBeGreaterThan(1_900);
  });

  it("over SSH, compressed", async () => {
    const address = parseHostAddress("ssh://test1");
    if (!address) throw new Error("no address");
    const engine = await openEngine(address, { variables: lab.env });
    const far = await Sandbox.open(lab, lab.host("test1").socket);
    try {
      await far.docker("pull", "-q", "busybox:latest");
      const id = await far.run("busybox:latest", "sleep", "1000");
      await using folder = await Folder.of({ Dockerfile: "FROM scratch\n", ...files(200, "far ".repeat(500)) });
      const pair = await Pair.of(folder);
      const desired = await pair.desired();
      const { ContainerTree } = await import("../../src/dev/container-tree.ts");
      const tree = await ContainerTree.open(engine, id, {
        ...{ root: folder.path, image: new Map(), holds: "image", compress: true },
        ...{ busybox: far.busybox, signal: new AbortController().signal },
      });
      await tree.reconcile(desired);
      expect(await far.list(id, "/app")).toEqual(expectedListing(desired, "/app"));
      await tree.close();
    } finally {
      await far.cleanUp();
      await engine.close();
    }
  });
});
