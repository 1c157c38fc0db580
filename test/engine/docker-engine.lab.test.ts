import { PassThrough, Readable, Writable } from "node:stream";
import fc from "fast-check";
import { packTar } from "modern-tar";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { Progress, silent } from "../../src/base/progress.ts";
import type { ContainerEvent, ContainerSpec, Engine, LogLine, ObservedContainer } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";

const labels = { "envctl.test": "engine" };
const network = "engine-test";
let lab: Lab;
let engine: Engine;

function spec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: "engine-test-1",
    image: "docker.io/library/busybox:latest",
    command: ["sleep", "1000"],
    entrypoint: undefined,
    user: undefined,
    env: {},
    labels,
    ports: [],
    mounts: [],
    network,
    aliases: [],
    stopSignal: undefined,
    stopGrace: 1000,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "no",
    ...changes,
  };
}

async function started(changes: Partial<ContainerSpec> = {}): Promise<string> {
  const id = await engine.createContainer(spec(changes));
  await engine.startContainer(id);
  return id;
}

async function inspected(id: string): Promise<ObservedContainer> {
  const container = await engine.container(id);
  if (!container) throw new Error(`no container ${id}`);
  return container;
}

async function sweep(): Promise<void> {
  for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
  for (const { name } of await engine.volumes(labels)) await engine.removeVolume(name);
}

function collector(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

describeLab("an engine over its Unix socket", () => {
  beforeAll(async () => {
    lab = await useLab();
    engine = await openEngine({ kind: "unix", name: "unix://local", path: lab.localSocket });
    await engine.pullImage("busybox:latest", undefined, silent);
    await engine.ensureNetwork(network, labels);
  });

  beforeEach(sweep);

  afterAll(async () => {
    await sweep();
    await engine.removeNetwork(network);
    await engine.close();
  });

  test("says what it is", async () => {
    const description = await engine.describe();
    expect(description).toMatchObject({ product: "docker", imageStore: "classic" });
    expect(description.platform).toMatch(/^linux\/(?:amd64|arm64)$/);
    expect(description.apiVersion).toMatch(/^1\.\d+$/);
    expect(await engine.publishedAddress()).toBe("127.0.0.1");
  });

  test("creates containers that, read back, are what was asked for", async () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    const specs = fc.record<Partial<ContainerSpec>>({
      command: fc.array(
        fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !text.includes("\0")),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      entrypoint: fc.option(fc.array(word, { minLength: 1, maxLength: 2 }), { nil: undefined }),
      user: fc.option(fc.constantFrom("1000", "1000:1000", "nobody"), { nil: undefined }),
      env: fc.dictionary(
        fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,10}$/),
        fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
      ),
      labels: fc.dictionary(word, fc.string({ unit: "grapheme" })).map((more) => ({ ...more, ...labels })),
      ports: fc.uniqueArray(
        fc.record({
          address: fc.constantFrom(undefined, "127.0.0.1", "::1"),
          hostPort: fc.integer({ min: 20_000, max: 30_000 }),
          containerPort: fc.integer({ min: 1, max: 65_535 }),
          protocol: fc.constantFrom("tcp" as const, "udp" as const),
        }),
        { maxLength: 3, selector: ({ hostPort }) => hostPort },
      ),
      mounts: fc.uniqueArray(
        fc.record({
          kind: fc.constant("volume" as const),
          source: word.map((name) => `engine-test-${name}`),
          target: word.map((name) => `/mnt/${name}`),
          readOnly: fc.boolean(),
        }),
        { maxLength: 3, selector: ({ target }) => target },
      ),
      aliases: fc.uniqueArray(word, { maxLength: 2 }),
      stopSignal: fc.constantFrom(undefined, "SIGINT", "SIGQUIT"),
      stopGrace: fc.integer({ min: 0, max: 100 }).map((seconds) => seconds * 1000),
      memory: fc.option(
        fc.integer({ min: 8, max: 512 }).map((size) => size * 1024 * 1024),
        { nil: undefined },
      ),
      cpus: fc.constantFrom(undefined, 0.1, 0.25, 0.5, 1),
      healthcheck: fc.option(
        fc.record({
          command: fc.array(word, { minLength: 1, maxLength: 3 }),
          interval: fc.integer({ min: 1, max: 90_000 }),
          timeout: fc.integer({ min: 1, max: 90_000 }),
          retries: fc.integer({ min: 1, max: 30 }),
        }),
        { nil: undefined },
      ),
      restart: fc.constantFrom("no" as const, "unless-stopped" as const),
    });
    const image = await engine.image("busybox:latest");
    const sorted = (items: readonly unknown[]) => items.map((item) => JSON.stringify(item)).sort();
    const volumes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(specs, async (changes) => {
        const wanted = spec(changes);
        for (const { source } of wanted.mounts) volumes.add(source);
        const id = await engine.createContainer(wanted);
        try {
          const found = await inspected(id);
          const { network: _network, aliases, image: _image, ports, mounts, env, labels: ours, ...rest } = wanted;
          expect(found).toMatchObject(JSON.parse(JSON.stringify(rest)));
          for (const [name, value] of Object.entries(rest)) {
            if (value === undefined) expect(found[name as keyof ObservedContainer]).toBeUndefined();
          }
          expect(sorted(found.ports)).toEqual(sorted(ports));
          expect(sorted(found.mounts)).toEqual(sorted(mounts));
          expect(found.env).toEqual({ ...image?.env, ...env });
          expect(found.labels).toEqual({ ...image?.labels, ...ours });
          expect(found.networks[network]?.aliases.toSorted()).toEqual(aliases.toSorted());
          expect(found.imageId).toBe(image?.id);
        } finally {
          await engine.removeContainer(id);
        }
      }),
      { numRuns: 40 },
    );
    for (const volume of volumes) await engine.removeVolume(volume);
  });

  test("reads bind mounts, and refuses one whose source is missing", async () => {
    const mount = { kind: "bind" as const, source: "/usr", target: "/host", readOnly: true };
    const id = await started({ mounts: [mount] });
    expect((await inspected(id)).mounts).toEqual([mount]);
    const missing = engine.createContainer(spec({ name: "engine-test-2", mounts: [{ ...mount, source: "/no/such" }] }));
    await expect(missing).rejects.toThrow(/bind source path does not exist/);
  });

  test("takes every change twice", async () => {
    const id = await started();
    await engine.startContainer(id);
    await engine.stopContainer(id, 0);
    await engine.stopContainer(id, 0);
    await Promise.all([engine.removeContainer(id), engine.removeContainer(id), engine.removeContainer(id)]);
    await engine.removeContainer(id);
    expect(await engine.container(id)).toBeUndefined();
    await engine.ensureNetwork(network, labels);
    await engine.removeNetwork("engine-test-never");
    await engine.removeVolume("engine-test-never");
    await engine.removeImage("engine-test-never:1");
  });

  test("tells of a container that it was asked for, though who asked has given up: nobody could take it away else", async () => {
    for (const after of [0, 1, 2, 4, 8, 16]) {
      const given = new AbortController();
      const creating = engine.createContainer(spec(), given.signal).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, after));
      given.abort(new Error("interrupted"));
      const id = await creating;
      if (id !== undefined) await engine.removeContainer(id);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect([after, await engine.container("engine-test-1")]).toEqual([after, undefined]);
    }
    await expect(engine.createContainer(spec(), AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
  });

  test.each(["stopContainer", "endContainer"] as const)(
    "%s: whoever gives up a stop and starts it again has it running",
    async (stop) => {
      const id = await started({ command: ["sh", "-c", "trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done"] });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const given = new AbortController();
      setTimeout(() => given.abort(new Error("interrupted")), 300);
      await engine[stop](id, 5_000, given.signal).catch(() => {});
      await engine.startContainer(id);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect((await inspected(id)).state).toBe("running");
      await engine.removeContainer(id);
    },
  );

  test("skips a container that goes away between the list and its inspection", async () => {
    for (let index = 0; index < 8; index += 1) await engine.createContainer(spec({ name: `engine-test-${index}` }));
    const ids = (await engine.containers(labels)).map(({ id }) => id);
    const removing = Promise.all(ids.map((id) => engine.removeContainer(id)));
    for (let round = 0; round < 10; round += 1) await engine.containers(labels);
    await removing;
    expect(await engine.containers(labels)).toEqual([]);
  });

  test("names the faults of creating and starting", async () => {
    const first = await started({ ports: [port(28_080)] });
    await expect(engine.createContainer(spec())).rejects.toMatchObject({ code: "name-taken", where: "unix://local" });
    const second = await engine.createContainer(spec({ name: "engine-test-2", ports: [port(28_080)] }));
    const start = engine.startContainer(second);
    await expect(start).rejects.toMatchObject({ code: "port-taken" });
    await expect(start).rejects.toThrow(/port 28080/);
    const image = `127.0.0.1:1/none@sha256:${"0".repeat(64)}`;
    await expect(engine.createContainer(spec({ name: "x", image }))).rejects.toMatchObject({ code: "image-missing" });
    await expect(engine.startContainer("engine-test-none")).rejects.toMatchObject({ code: "container-missing" });
    await engine.removeContainer(first);
    await engine.startContainer(second);
  });

  test("never repeats a value of the environment in an error", async () => {
    const secret = "correct-horse-battery";
    const create = engine.createContainer(spec({ env: { "": secret } }));
    const error: unknown = await create.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeDefined();
    expect(JSON.stringify([error, String(error), (error as { evidence: unknown }).evidence])).not.toContain(secret);
  });

  test("removes the volumes nobody named with the container, and keeps the others", async () => {
    const mounts = [{ kind: "volume" as const, source: "engine-test-kept", target: "/data", readOnly: false }];
    const id = await started({ mounts });
    await engine.removeContainer(id);
    const kept = (await engine.volumes({})).filter(({ name }) => name === "engine-test-kept");
    expect(kept).toHaveLength(1);
    await engine.removeVolume("engine-test-kept");
  });

  test("waits for the end and tells the exit code, health and its output", async () => {
    const id = await started({ command: ["sh", "-c", "sleep 0.3; exit 7"] });
    expect(await engine.waitForExit(id)).toBe(7);
    expect(await inspected(id)).toMatchObject({ state: "exited", exitCode: 7 });
    const healthcheck = { command: ["sh", "-c", "echo not yet; exit 1"], interval: 100, timeout: 1000, retries: 2 };
    const sick = await started({ name: "engine-test-2", healthcheck });
    const stop = new AbortController();
    for await (const event of await engine.events(labels, stop.signal)) if (event.health === "unhealthy") stop.abort();
    expect(await inspected(sick)).toMatchObject({ health: "unhealthy", healthOutput: "not yet\n" });
  });

  test("stops waiting when aborted", async () => {
    const id = await started();
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("enough")), 100);
    await expect(engine.waitForExit(id, stop.signal)).rejects.toThrow("enough");
  });

  test("tells every event from the moment it listens", async () => {
    for (let round = 0; round < 10; round += 1) {
      const stop = new AbortController();
      const events = await engine.events(labels, stop.signal);
      const id = await started({ command: ["true"] });
      const seen: ContainerEvent[] = [];
      for await (const event of events) {
        if (event.id !== id) continue;
        seen.push(event);
        if (event.action === "die") stop.abort();
      }
      expect(seen.map(({ action }) => action)).toEqual(["create", "start", "die"]);
      expect(seen.at(-1)?.exitCode).toBe(0);
      await engine.removeContainer(id);
    }
  });

  test("reads logs: both streams, the tail, since, and long lines whole", async () => {
    // The engine takes in each stream by itself: without a pause the second line may come to stand behind the last.
    const script = "echo one; echo two >&2; sleep 0.5; head -c 50000 /dev/zero | tr '\\0' x; echo; echo last";
    const id = await started({ command: ["sh", "-c", script] });
    await engine.waitForExit(id);
    const read = async (options: Partial<Parameters<Engine["logs"]>[1]>) => {
      const lines: LogLine[] = [];
      const all = { follow: false, tail: undefined, since: undefined, timestamps: false };
      for await (const line of engine.logs(id, { ...all, ...options })) lines.push(line);
      return lines;
    };
    for (const timestamps of [false, true]) {
      const lines = await read({ timestamps });
      expect(lines.map(({ text }) => text).sort()).toEqual(["last", "one", "two", "x".repeat(50_000)].sort());
      expect(lines.find(({ text }) => text === "two")?.stream).toBe("stderr");
      for (const line of lines) {
        if (timestamps) expect(line.timestamp).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
        else expect(line.timestamp).toBeUndefined();
      }
    }
    expect((await read({ tail: 1 })).map(({ text }) => text)).toEqual(["last"]);
    const last = (await read({ timestamps: true })).at(-1)?.timestamp;
    expect((await read({ since: last })).map(({ text }) => text)).toEqual(["last"]);
    expect(await read({ since: new Date(Date.now() + 60_000).toISOString() })).toEqual([]);
  });

  test("follows logs until the container ends, or until aborted", async () => {
    const id = await started({ command: ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done"] });
    const options = { follow: true, tail: undefined, since: undefined, timestamps: false };
    const texts: string[] = [];
    for await (const line of engine.logs(id, options)) texts.push(line.text);
    expect(texts).toEqual(["1", "2", "3"]);
    const endless = await started({
      name: "engine-test-2",
      command: ["sh", "-c", "while :; do echo x; sleep 0.1; done"],
    });
    const stop = new AbortController();
    for await (const _line of engine.logs(endless, { ...options, signal: stop.signal })) stop.abort();
  });

  test("runs commands: input, both outputs, variables, user, exit code", async () => {
    const id = await started();
    const [out, err] = [collector(), collector()];
    const code = await engine.exec(id, {
      command: ["sh", "-c", 'cat; echo "$A $(id -u)" >&2; exit 3'],
      env: { A: "x y" },
      user: "1234",
      terminal: undefined,
      stdin: Readable.from(["a".repeat(300_000), "end"]),
      stdout: out.stream,
      stderr: err.stream,
    });
    expect(code).toBe(3);
    expect(out.text()).toBe(`${"a".repeat(300_000)}end`);
    expect(err.text()).toBe("x y 1234\n");
  });

  test("runs commands on a terminal that has a size and changes it", async () => {
    const id = await started();
    const out = collector();
    const stdin = new PassThrough();
    const script = "stty size; read -r _; stty size; exit 9";
    const running = engine.exec(id, {
      command: ["sh", "-c", `sleep 0.3; ${script}`],
      env: {},
      user: undefined,
      terminal: { columns: 100, rows: 30 },
      stdin,
      stdout: out.stream,
      stderr: out.stream,
      onResize: async (resize) => {
        await vi.waitFor(() => expect(out.text()).toContain("30 100"), { timeout: 10_000 });
        resize(120, 40);
        setTimeout(() => stdin.write("\n"), 1000);
      },
    });
    expect(await running).toBe(9);
    expect(out.text()).toMatch(/30 100\r\n[\s\S]*40 120\r\n/);
  });

  test("says so when a command cannot be run", async () => {
    const id = await started();
    const out = collector();
    const options = {
      env: {},
      user: undefined,
      terminal: undefined,
      stdin: undefined,
      stdout: out.stream,
      stderr: out.stream,
    };
    expect(await engine.exec(id, { command: ["no-such-program"], ...options })).toBe(126);
    await engine.stopContainer(id, 0);
    const late = engine.exec(id, { command: ["true"], ...options });
    await expect(late).rejects.toMatchObject({ code: "container-not-running", where: "unix://local" });
  });

  test("tells of volumes as they come and go, and by its own clock when they came", async () => {
    const listening = new AbortController();
    const events = await engine.volumeEvents(listening.signal);
    const before = await engine.now();
    await engine.ensureVolume("engine-test-told", labels);
    await engine.removeVolume("engine-test-told");
    const seen: string[] = [];
    for await (const event of events) {
      if (event.name !== "engine-test-told") continue;
      seen.push(event.action);
      if (event.action === "destroy") listening.abort();
    }
    expect(seen).toEqual(["create", "destroy"]);
    await engine.ensureVolume("engine-test-told", labels);
    const [volume] = (await engine.volumes(labels)).filter((found) => found.name === "engine-test-told");
    const age = Number(await engine.now()) - Number(volume?.createdAt);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(1000 + Number(await engine.now()) - Number(before));
    await engine.removeVolume("engine-test-told");
  });

  test("lets exactly one of fifty racers make a volume", async () => {
    for (let round = 0; round < 5; round += 1) {
      const name = `engine-test-lock-${round}`;
      // As soon as it is told that the volume is there.
      const winner = async (racer: string) => {
        await engine.ensureVolume(name, { ...labels, racer });
        return (await engine.volumes(labels)).find((found) => found.name === name)?.labels.racer;
      };
      const winners = new Set(await Promise.all(Array.from({ length: 50 }, (_, racer) => winner(String(racer)))));
      expect(winners.size).toBe(1);
      expect([...winners][0]).toMatch(/^\d+$/);
      expect(await winner("late")).toBe([...winners][0]);
    }
  });

  test("lets racers make one network of a name, and refuses to remove what is in use", async () => {
    const name = "engine-test-raced";
    await Promise.all(Array.from({ length: 20 }, () => engine.ensureNetwork(name, labels)));
    expect((await engine.networks(labels)).filter((found) => found.name === name)).toHaveLength(1);
    const mounts = [{ kind: "volume" as const, source: "engine-test-used", target: "/data", readOnly: false }];
    const id = await started({ network: name, mounts });
    await expect(engine.removeNetwork(name)).rejects.toMatchObject({ code: "network-in-use" });
    await expect(engine.removeVolume("engine-test-used")).rejects.toMatchObject({ code: "volume-in-use" });
    await engine.removeContainer(id);
    await engine.removeVolume("engine-test-used");
    await engine.removeNetwork(name);
  });

  test("dials containers, and leads the host to our loopback", async () => {
    const id = await started({ command: ["sh", "-c", "echo hello > /tmp/x; httpd -f -p 80 -h /tmp"] });
    const address = (await inspected(id)).networks[network]?.address ?? "";
    await new Promise((resolve) => setTimeout(resolve, 300));
    const socket = await engine.dial(address, 80);
    socket?.write("GET /x HTTP/1.0\r\n\r\n");
    let text = "";
    for await (const chunk of socket ?? []) text += String(chunk);
    expect(text).toMatch(/hello\n$/);
    await expect(engine.dial(address, 81)).rejects.toMatchObject({ exitCode: 5 });
    expect(await engine.forwardToLoopback(5000)).toBe(5000);
  });

  test("pushes, resolves, pulls and removes by digest, with progress", async () => {
    const repository = `${lab.registries.open.host}/engine-test/busybox`;
    await engine.tagImage("busybox:latest", `${repository}:1`);
    const digest = await engine.pushImage(`${repository}:1`, undefined, silent);
    expect(await engine.resolveDigest(`${repository}:1`, undefined)).toBe(digest);
    const pinned = `${repository}@${digest}`;
    expect((await engine.image(pinned))?.repoDigests).toContain(pinned);
    await engine.removeImage(`${repository}:1`);
    await engine.removeImage(pinned);
    expect(await engine.image(pinned)).toBeUndefined();
    const reports: string[] = [];
    const progress = new Progress((event) => event.type === "step-updated" && reports.push(event.text), 1);
    await engine.pullImage(pinned, undefined, progress);
    expect((await engine.image(pinned))?.repoDigests).toContain(pinned);
    await engine.removeImage(pinned);
    const unknown = `${repository}@sha256:${"0".repeat(64)}`;
    await expect(engine.pullImage(unknown, undefined, silent)).rejects.toMatchObject({ code: "manifest-unknown" });
    const nowhere = `10.255.255.1:1/x@${digest}`;
    await expect(engine.pullImage(nowhere, undefined, silent, AbortSignal.timeout(1000))).rejects.toThrow();
  });

  test("uses credentials, and tells where they are missing", async () => {
    const { host, username, password } = lab.registries.secure;
    const credentials = { username, password, registry: host };
    const reference = `${host}/engine-test/busybox:1`;
    await engine.tagImage("busybox:latest", reference);
    const wrong = { ...credentials, password: "wrong" };
    await expect(engine.pushImage(reference, undefined, silent)).rejects.toMatchObject({
      code: "registry-unauthorized",
    });
    await expect(engine.pushImage(reference, wrong, silent)).rejects.toMatchObject({ code: "registry-unauthorized" });
    const digest = await engine.pushImage(reference, credentials, silent);
    expect(await engine.resolveDigest(reference, credentials)).toBe(digest);
    await engine.removeImage(reference);
  });

  test("loads an archive, finds images by label, and keeps one that is in use", async () => {
    await expect(engine.loadImage(Readable.from(["no tar"]), silent)).rejects.toMatchObject({ where: "unix://local" });
    await engine.loadImage(Readable.from([await savedImage("engine-test-loaded:1")]), silent);
    const [image] = await engine.images(labels);
    expect(image).toMatchObject({ tags: ["docker.io/library/engine-test-loaded:1"], command: ["/x"], user: "5" });
    const id = await engine.createContainer(spec({ image: "engine-test-loaded:1" }));
    await expect(engine.removeImage("engine-test-loaded:1")).rejects.toMatchObject({ code: "image-in-use" });
    await engine.removeContainer(id);
    await engine.removeImage("engine-test-loaded:1");
    expect(await engine.images(labels)).toEqual([]);
  });
});

/** An image as `docker save` writes it. */
async function savedImage(tag: string): Promise<Uint8Array> {
  const layer = await packTar([{ header: { name: "x", size: 1 }, body: "x" }]);
  const config = {
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["/x"], User: "5", Labels: labels },
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  };
  const manifest = [{ Config: "config.json", RepoTags: [tag], Layers: ["layer.tar"] }];
  const file = (name: string, body: string | Uint8Array) => ({
    header: { name, size: Buffer.byteLength(body) },
    body,
  });
  return packTar([
    file("layer.tar", layer),
    file("config.json", JSON.stringify(config)),
    file("manifest.json", JSON.stringify(manifest)),
  ]);
}

function port(hostPort: number) {
  return { address: undefined, hostPort, containerPort: 80, protocol: "tcp" as const };
}
