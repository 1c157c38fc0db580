import { setTimeout as wait } from "node:timers/promises";
import { execa } from "execa";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import type { Lab } from "../lab/lab.ts";
import { WatchedApp } from "../rollout/watched-app.ts";
import { type Gap, watchGap } from "./gap.ts";
import { heading, median, report } from "./measure.ts";
import { RolloutFloor } from "./rollout-floor.ts";
import { type Peer, pullOnNodes, removeImages, startCompose, startSwarm } from "./rollout-peers.ts";

const runs = 9;

/** A figure of one way to replace a release: how long it took, and what clients saw of it. */
class Figure {
  readonly times: number[] = [];
  /** Until the first client had the other release. */
  readonly served: number[] = [];
  #longest = 0;
  #failed = 0;
  #answered = 0;

  async measure(urls: readonly string[], work: () => Promise<unknown>): Promise<void> {
    await settled();
    const watch = watchGap(urls);
    const begun = performance.now();
    await work();
    this.times.push(performance.now() - begun);
    this.#add(await watch.stop());
  }

  #add({ longest, failed, answered, changed }: Gap): void {
    if (changed !== undefined) this.served.push(changed);
    this.#longest = Math.max(this.#longest, longest);
    this.#failed += failed;
    this.#answered += answered;
  }

  get median(): number {
    return median(this.times);
  }

  get seen(): string {
    return `${this.#failed} of ${this.#failed + this.#answered} requests failed, longest gap ${this.#longest.toFixed(0)} ms`;
  }

  get failed(): number {
    return this.#failed;
  }
}

/** `promote` and `rollback` under requests, beside what cannot be done without and beside other tools. */
export async function benchRollout(lab: Lab): Promise<void> {
  await ensureBaseImage("caddy");
  const stage = (host: string, port: number, strategy = "rolling") =>
    `{ after: dev, hosts: ["${host}"], ports: ["${port}:8080"], rollout: { keep: 1, strategy: ${strategy} } }`;
  const places = [
    { stage: "socket", url: "http://127.0.0.1:18501", title: "unix socket" },
    { stage: "standby", url: "http://127.0.0.1:18503", title: "unix socket, blue-green" },
    { stage: "ssh", url: `http://${lab.host("prod2").ip}:18502`, title: "SSH" },
    { stage: "sshstandby", url: `http://${lab.host("prod2").ip}:18504`, title: "SSH, blue-green" },
  ];
  const app = new WatchedApp(lab, {
    name: "benchrollout",
    stages: {
      dev: "{}",
      warm: '{ after: dev, hosts: ["ssh://prod2"], rollout: { keep: 0 } }',
      socket: stage(`unix://${lab.localSocket}`, 18_501),
      standby: stage(`unix://${lab.localSocket}`, 18_503, "blue-green"),
      ssh: stage("ssh://prod2", 18_502),
      sshstandby: stage("ssh://prod2", 18_504, "blue-green"),
    },
  });
  const figures = new Map<string, Figure>();
  const figure = (name: string) => {
    const found = figures.get(name) ?? new Figure();
    figures.set(name, found);
    return found;
  };
  const floors: MeasuredFloor[] = [];
  const peers: Peer[] = [];
  const images: string[] = [];
  try {
    const first = await nextImage(lab, app, 0);
    images.push(first);
    for (const { stage: name } of places) await app.envctl("promote", name);
    floors.push(new MeasuredFloor("", await RolloutFloor.local(lab.localSocket)));
    floors.push(new MeasuredFloor(" over SSH", await RolloutFloor.overSsh(lab.sshConfig, lab.host("prod2"))));
    for (const start of [startCompose, startSwarm]) peers.push(await start(lab, first));
    for (let round = 1; round <= runs; round += 1) {
      const image = await nextImage(lab, app, round);
      images.push(image);
      await app.envctl("promote", "warm");
      await pullOnNodes(lab, image);
      for (const { stage: name, url, title } of places) {
        await figure(`promote, ${title}`).measure([url], () => app.envctl("promote", name));
        await figure(`rollback, ${title}`).measure([url], () => app.envctl("rollback", name));
      }
      const [local, overSsh] = floors;
      await local?.measure(image, places[0]?.url);
      await overSsh?.measure(image, places.find(({ stage: name }) => name === "ssh")?.url);
      for (const peer of peers) await figure(peer.name).measure(peer.urls, () => peer.update(image));
    }
  } finally {
    for (const peer of peers) await peer.remove();
    for (const floor of floors) await floor.close();
    await removeImages(lab, images);
    await app.remove();
  }
  heading(`promote and rollback of one host under requests (${runs} runs each, taking turns)`);
  for (const [name, found] of figures) {
    const floor = floors[name.includes("SSH") ? 1 : 0];
    if (!floor) continue;
    const isOurs = name.startsWith("promote") || name.startsWith("rollback");
    report(name, found.median, name.startsWith("rollback") ? floor.start : floor.whole, goalOf(name));
    const verdict = isOurs ? `  (goal 0 failed: ${found.failed === 0 ? "met" : "MISSED"})` : "";
    process.stdout.write(`    ${found.seen}${verdict}\n`);
    if (name.startsWith("rollback")) continue;
    // The floor is at its end when clients have the new release, and leaves the old one running.
    report("  until clients have it", median(found.served), floor.whole);
    report("  whole", found.median, floor.replaced);
    report("  whole", found.median, floor.turned);
  }
}

/** What cannot be done without, to several points of a rollout. */
class MeasuredFloor {
  readonly #way: string;
  readonly #floor: RolloutFloor;
  readonly #times = {
    started: [] as number[],
    switched: [] as number[],
    turned: [] as number[],
    replaced: [] as number[],
  };

  constructor(way: string, floor: RolloutFloor) {
    this.#way = way;
    this.#floor = floor;
  }

  async measure(image: string, url: string | undefined): Promise<void> {
    for (const to of ["replaced", "switched", "turned", "started"] as const)
      this.#times[to].push(await underRequests(url, () => this.#floor.run(image, to)));
  }

  get start() {
    return { name: `create, start, first 200${this.#way}`, value: median(this.#times.started) };
  }

  get whole() {
    return { name: `create, start, first 200, switch${this.#way}`, value: median(this.#times.switched) };
  }

  get turned() {
    return { name: `the same with a switch by a file${this.#way}`, value: median(this.#times.turned) };
  }

  get replaced() {
    return { name: `the same and stop of the old one${this.#way}`, value: median(this.#times.replaced) };
  }

  async close(): Promise<void> {
    await this.#floor.close();
  }
}

/** An engine clears away what ended before: that is nobody else's time. */
async function settled(): Promise<void> {
  await wait(400);
}

/** The machine has the same to do meanwhile as it has while a release is promoted. */
async function underRequests<Result>(url: string | undefined, work: () => Promise<Result>): Promise<Result> {
  await settled();
  const watch = watchGap(url === undefined ? [] : [url]);
  try {
    return await work();
  } finally {
    await watch.stop();
  }
}

function goalOf(name: string): number | undefined {
  if (name.startsWith("promote")) return 1.5;
  return name.startsWith("rollback") ? 1 : undefined;
}

/** Brings another release to dev, and its image to where peers take theirs from. */
async function nextImage(lab: Lab, app: WatchedApp, round: number): Promise<string> {
  app.release(`bench-${process.pid}-${round}`);
  await app.envctl("up", "dev");
  const docker = (...args: string[]) => execa("docker", ["-H", `unix://${lab.localSocket}`, ...args]);
  const labels = ["--filter", `label=envctl.environment=${app.name}`, "--filter", "label=envctl.stage=dev"];
  const container = (await docker("ps", "-q", ...labels)).stdout.split("\n")[0] ?? "";
  const id = (await docker("inspect", "-f", "{{.Image}}", container)).stdout;
  const image = `${lab.registries.open.host}/envctl-bench/rollout:${round}`;
  await docker("tag", id, image);
  await docker("push", "-q", image);
  return image;
}
