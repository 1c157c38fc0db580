import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { execa } from "execa";
import type { Lab } from "../lab/lab.ts";
import { answers } from "./gap.ts";

/** Another tool that replaces a release by the next. */
export interface Peer {
  readonly name: string;
  /** Ways to the service. */
  readonly urls: readonly string[];
  /** Replaces what runs by this image, which is where it has to be; resolves when the tool says that it is done. */
  update(image: string): Promise<void>;
  remove(): Promise<void>;
}

/** `docker-compose up -d`: stops the old container, and starts the new in its place. */
export async function startCompose(lab: Lab, image: string): Promise<Peer> {
  if (!existsSync("/usr/bin/docker-compose"))
    await execa("apt-get", ["install", "-y", "-q", "--no-install-recommends", "docker-compose"]);
  const folder = mkdtempSync(join(tmpdir(), "envctl-bench-compose-"));
  const env = { DOCKER_HOST: `unix://${lab.localSocket}` };
  const compose = (...args: string[]) =>
    execa("/usr/bin/docker-compose", ["-p", "envctlbench", ...args], { cwd: folder, env });
  const urls = ["http://127.0.0.1:18511"];
  const peer: Peer = {
    name: "docker-compose up -d",
    urls,
    update: async (next) => {
      const service = { image: next, ports: ["18511:8080"], stop_grace_period: "10s" };
      // YAML is JSON, too.
      writeFileSync(join(folder, "docker-compose.yml"), JSON.stringify({ version: "3.8", services: { app: service } }));
      await compose("up", "-d");
    },
    remove: async () => {
      await compose("down", "-t", "1");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await begin(peer, image);
  return peer;
}

/**
 * `docker service update`, start-first, on two nodes: this kernel may have no IP_VS, so that ports are published on the
 * hosts, and the new task needs another host than the old. Clients ask either, as a balancer in front would.
 */
export async function startSwarm(lab: Lab, image: string): Promise<Peer> {
  const [manager, worker] = [lab.host("prod1"), lab.host("test1")];
  const docker = (host: typeof manager, ...args: string[]) => execa("docker", ["-H", `unix://${host.socket}`, ...args]);
  const remove = async () => {
    for (const host of [worker, manager]) await docker(host, "swarm", "leave", "--force").catch(() => {});
  };
  await remove();
  await docker(manager, "swarm", "init", "--advertise-addr", manager.ip);
  const token = (await docker(manager, "swarm", "join-token", "-q", "worker")).stdout;
  await docker(worker, "swarm", "join", "--token", token, `${manager.ip}:2377`);
  for (const host of [manager, worker]) await docker(host, "pull", "-q", image);
  const publish = "mode=host,published=18512,target=8080";
  await docker(
    manager,
    ...["service", "create", "--name", "envctlbench", "--endpoint-mode", "dnsrr", "--publish", publish],
    ...["--update-order", "start-first", "--update-monitor", "0s", "--stop-grace-period", "10s", image],
  );
  const peer: Peer = {
    name: "docker service update (start-first)",
    urls: [manager, worker].map(({ ip }) => `http://${ip}:18512`),
    update: async (next) => {
      await docker(manager, "service", "update", "-q", "--image", next, "envctlbench");
    },
    remove: async () => {
      await docker(manager, "service", "rm", "envctlbench").catch(() => {});
      await remove();
    },
  };
  await begin(peer, image);
  return peer;
}

/** Images for swarm's nodes are there before an update is measured. */
export async function pullOnNodes(lab: Lab, image: string): Promise<void> {
  for (const host of [lab.host("prod1"), lab.host("test1"), lab.host("prod2")])
    await execa("docker", ["-H", `unix://${host.socket}`, "pull", "-q", image]);
}

/** Takes the images of the peers away again. */
export async function removeImages(lab: Lab, images: readonly string[]): Promise<void> {
  const hosts = ["prod1", "test1", "prod2"].map((name) => lab.host(name).socket);
  for (const socket of [lab.localSocket, ...hosts])
    await execa("docker", ["-H", `unix://${socket}`, "rmi", "-f", ...images], { reject: false });
}

async function begin(peer: Peer, image: string): Promise<void> {
  await peer.update(image);
  for (let tries = 0; tries < 300; tries += 1) {
    for (const url of peer.urls) if (await answers(url)) return;
    await wait(100);
  }
  await peer.remove();
  throw new Error(`${peer.name}: nothing answers at ${peer.urls.join(", ")}`);
}
