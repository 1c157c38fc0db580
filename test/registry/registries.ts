import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { stringify } from "yaml";
import { LocalRegistry } from "../../src/registry/embedded/local-registry.ts";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { listens } from "../lab/registries.ts";

export interface RunningRegistry {
  /** `127.0.0.1:40123` */
  readonly host: string;
  /** What is below is removed when it stops. */
  readonly directory: string;
  /** For the process that it runs in; undefined where it runs in another. */
  readonly own: Registry | undefined;
  stop(): Promise<void>;
}

export type RegistryKind = "embedded" | "docker-registry";
export const registryKinds: readonly RegistryKind[] = ["embedded", "docker-registry"];

export async function startRegistry(kind: RegistryKind, configuration: RegistryConfiguration = {}) {
  return kind === "embedded" ? await startEmbedded() : await startDockerRegistry(configuration);
}

async function startEmbedded(): Promise<RunningRegistry> {
  const directory = await temporaryFolder();
  const server = await startEmbeddedRegistry({ directory, port: 0 });
  const stop = async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { host: server.host, directory, own: new LocalRegistry(directory), stop };
}

export interface RegistryConfiguration {
  readonly http?: object;
  readonly auth?: object;
}

/** CNCF distribution 2.8 as Debian ships it: no referrers API, no `OCI-Subject`. */
export async function startDockerRegistry(configuration: RegistryConfiguration = {}): Promise<RunningRegistry> {
  const directory = await temporaryFolder();
  const host = `127.0.0.1:${await freePort()}`;
  const file = join(directory, "config.yml");
  const { http, ...more } = configuration;
  await writeFile(
    file,
    stringify({
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, "storage") }, delete: { enabled: true } },
      http: { addr: host, secret: randomBytes(16).toString("hex"), ...http },
      ...more,
    }),
  );
  const child = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString("utf8");
  });
  const port = Number(host.split(":")[1]);
  for (let tries = 0; !(await listens("127.0.0.1", port)); tries += 1) {
    if (child.exitCode !== null || tries > 500) {
      await ended(child);
      throw new Error(`docker-registry does not start:\n${log}`);
    }
    await wait(20);
  }
  const stop = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  return { host, directory, own: undefined, stop };
}

/** Ends a process that a test started, and waits for it. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

export async function temporaryFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "envctl-registry-"));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
