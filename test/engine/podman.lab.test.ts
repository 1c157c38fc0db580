import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { filesAndNetworks } from "./files-and-networks.ts";

const labels = { "envctl.test": "podman" };
let lab: Lab;
let folder: string;
let service: ChildProcess;
let engine: Engine;

/** Podman's service for Docker's API, with storage, networks and configuration of its own. */
async function startPodman(): Promise<ChildProcess> {
  const host = lab.registries.open.host;
  const files = {
    "registries.conf": `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    // No more than this process may have itself, and nothing that needs systemd.
    "containers.conf": `[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[network]\nnetwork_config_dir = "${folder}/networks"\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const podman = spawn(
    "podman",
    [
      ...["--root", join(folder, "root"), "--runroot", join(folder, "run")],
      ...["system", "service", "--time", "0", `unix://${folder}/podman.sock`],
    ],
    {
      stdio: "ignore",
      env: {
        ...process.env,
        CONTAINERS_CONF: join(folder, "containers.conf"),
        CONTAINERS_REGISTRIES_CONF: join(folder, "registries.conf"),
        // It leaves files there.
        TMPDIR: folder,
      },
    },
  );
  for (let attempt = 0; attempt < 100 && !existsSync(`${folder}/podman.sock`); attempt += 1) {
    await new Promise((wait) => setTimeout(wait, 50));
  }
  return podman;
}

function spec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: "podman-test",
    image: `${lab.registries.open.host}/library/busybox:latest`,
    command: ["sleep", "1000"],
    entrypoint: undefined,
    user: undefined,
    env: {},
    labels,
    ports: [],
    mounts: [],
    network: "podman-test",
    aliases: [],
    stopSignal: undefined,
    stopGrace: 0,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "no",
    ...changes,
  };
}

describeLab("Podman's socket for Docker's API", () => {
  beforeAll(async () => {
    if (!existsSync("/usr/bin/podman")) {
      const packages = ["podman", "netavark", "aardvark-dns"];
      execFileSync("apt-get", ["-y", "-q", "--no-install-recommends", "install", ...packages], {
        stdio: "ignore",
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    }
    lab = await useLab();
    folder = await mkdtemp(join(tmpdir(), "podman-"));
    service = await startPodman();
    engine = await openEngine({ kind: "unix", name: "podman", path: join(folder, "podman.sock") });
    await engine.pullImage(spec().image, undefined, silent);
    await engine.ensureNetwork("podman-test", labels);
  });

  afterAll(async () => {
    for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
    for (const { name } of await engine.volumes(labels)) await engine.removeVolume(name);
    await engine.removeNetwork("podman-test");
    await engine.close();
    service.kill("SIGTERM");
    await new Promise((ended) => service.once("exit", ended));
    for (const mount of ["root/overlay", "root/vfs"]) {
      try {
        execFileSync("umount", [join(folder, mount)], { stdio: "ignore" });
      } catch {
        // Only one of the storage drivers mounts itself.
      }
    }
    await rm(folder, { recursive: true, force: true });
  });

  test("says what it is", async () => {
    expect(await engine.describe()).toMatchObject({ product: "podman", imageStore: "classic" });
  });

  test("creates what was asked for, runs it, tells events, logs, and exit code", async () => {
    const wanted = spec({
      command: ["sh", "-c", "echo out; echo err >&2; sleep 0.5; exit 3"],
      env: { A: "x y" },
      ports: [{ address: "127.0.0.1", hostPort: 28_090, containerPort: 80, protocol: "tcp" }],
      mounts: [{ kind: "volume", source: "podman-test", target: "/data", readOnly: false }],
      user: "1000",
      memory: 64 * 1024 * 1024,
      cpus: 0.5,
      stopGrace: 3000,
      aliases: ["web"],
    });
    const stop = new AbortController();
    const events = await engine.events(labels, stop.signal);
    await engine.ensureVolume("podman-test", labels);
    const id = await engine.createContainer(wanted);
    const found = await engine.container("podman-test");
    const image = await engine.image(wanted.image);
    const {
      network: _network,
      aliases,
      image: _image,
      env,
      labels: _labels,
      entrypoint: _entrypoint,
      ...rest
    } = wanted;
    expect(found).toMatchObject(JSON.parse(JSON.stringify(rest)));
    expect(found?.env).toEqual({ ...image?.env, ...env });
    expect(found?.stopSignal).toBeUndefined();
    expect(found?.networks["podman-test"]?.aliases).toEqual(expect.arrayContaining([...aliases]));
    await expect(engine.createContainer(wanted)).rejects.toMatchObject({ code: "name-taken" });
    await engine.startContainer(id);
    await engine.startContainer(id);
    expect(await engine.waitForExit(id)).toBe(3);
    const lines: string[] = [];
    const options = { follow: false, tail: undefined, since: undefined, timestamps: false };
    for await (const { stream, text } of engine.logs(id, options)) lines.push(`${stream} ${text}`);
    expect(lines.sort()).toEqual(["stderr err", "stdout out"]);
    await engine.stopContainer(id, 0);
    await engine.removeContainer(id);
    await engine.removeContainer(id);
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(event.action);
      if (event.action === "destroy") stop.abort();
    }
    expect(seen).toEqual(expect.arrayContaining(["create", "start", "die", "destroy"]));
    await engine.removeVolume("podman-test");
  });

  test("runs commands", async () => {
    const id = await engine.createContainer(spec());
    await engine.startContainer(id);
    let text = "";
    const stdout = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    const code = await engine.exec(id, {
      command: ["sh", "-c", "cat; exit 4"],
      env: {},
      user: undefined,
      terminal: undefined,
      stdin: Readable.from(["input"]),
      stdout,
      stderr: stdout,
    });
    expect([code, text]).toEqual([4, "input"]);
    await engine.removeContainer(id);
  });

  test("tells of volumes as they come and go, and by its own clock when they came", async () => {
    const listening = new AbortController();
    const events = await engine.volumeEvents(listening.signal);
    const before = await engine.now();
    await engine.ensureVolume("podman-test-told", labels);
    await engine.removeVolume("podman-test-told");
    const seen: string[] = [];
    for await (const event of events) {
      if (event.name !== "podman-test-told") continue;
      seen.push(event.action);
      if (event.action === "destroy") listening.abort();
    }
    expect(seen).toEqual(["create", "destroy"]);
    await engine.ensureVolume("podman-test-told", labels);
    const [volume] = (await engine.volumes(labels)).filter((found) => found.name === "podman-test-told");
    const age = Number(await engine.now()) - Number(volume?.createdAt);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(1000 + Number(await engine.now()) - Number(before));
    await engine.removeVolume("podman-test-told");
  });

  test("lists networks and volumes whosever they are, with their labels", async () => {
    await engine.ensureNetwork("podman-test-net", labels);
    await engine.ensureVolume("podman-test-told", labels);
    const networks = await engine.networks({});
    const volumes = await engine.volumes({});
    expect(networks.find(({ name }) => name === "podman-test-net")).toMatchObject({ labels });
    // As its Docker API calls the one that it brings along.
    expect(networks.map(({ name }) => name)).toContain("bridge");
    expect(volumes.find(({ name }) => name === "podman-test-told")).toMatchObject({ labels });
    await engine.removeNetwork("podman-test-net");
    await engine.removeVolume("podman-test-told");
  });

  filesAndNetworks(() => engine, spec);

  test("lets one of many racers make a volume", async () => {
    const winner = async (racer: string) => {
      await engine.ensureVolume("podman-test-lock", { ...labels, racer });
      return (await engine.volumes(labels)).find((found) => found.name === "podman-test-lock")?.labels.racer;
    };
    const winners = new Set(await Promise.all(Array.from({ length: 20 }, (_, racer) => winner(String(racer)))));
    expect(winners.size).toBe(1);
    expect([...winners][0]).toMatch(/^\d+$/);
  });

  test("pushes, resolves and pulls by digest", async () => {
    const repository = `${lab.registries.open.host}/engine-test/podman`;
    await engine.tagImage(spec().image, `${repository}:1`);
    const digest = await engine.pushImage(`${repository}:1`, undefined, silent);
    expect(await engine.resolveDigest(`${repository}:1`, undefined)).toBe(digest);
    await engine.removeImage(`${repository}:1`);
    await engine.pullImage(`${repository}@${digest}`, undefined, silent);
    expect((await engine.image(`${repository}@${digest}`))?.repoDigests).toContain(`${repository}@${digest}`);
    const unknown = `${repository}@sha256:${"0".repeat(64)}`;
    await expect(engine.pullImage(unknown, undefined, silent)).rejects.toMatchObject({ code: "manifest-unknown" });
    await engine.removeImage(`${repository}@${digest}`);
  });
});
