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
  ];
  const app = new WatchedApp(lab, {
    name: "benchrollout",
    stages: {
      dev: "{}",
      warm: '{ after: dev, hosts: ["ssh://prod2"], rollout: { keep: 0 } }',
      socket: stage(`unix://${lab.localSocket}`, 18_501),
      standby: stage(`unix://${lab.localSocket}`, 18_503, "blue-green"),
      ssh: stage("ssh://prod2", 18_502),
    },
  });
  const figures = new Map<string, Figure>();
  const figure = (name: string) => {
    const found = figures.get(name) ?? new Figure();
    figures.set(name, found);
    return found;
  };
  const floor = { started: [] as number[], switched: [] as number[], replaced: [] as number[] };
  const peers: Peer[] = [];
  const images: string[] = [];
  let bare: RolloutFloor | undefined;
  try {
    const first = await nextImage(lab, app, 0);
    images.push(first);
    for (const { stage: name } of places) await app.envctl("promote", name);
    const floorOf = await RolloutFloor.start(lab.localSocket);
    bare = floorOf;
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
      for (const to of ["replaced", "switched", "started"] as const)
        floor[to].push(await underRequests(places[0]?.url, () => floorOf.run(image, to)));
      for (const peer of peers) await figure(peer.name).measure(peer.urls, () => peer.update(image));
    }
  } finally {
    for (const peer of peers) await peer.remove();
    await bare?.close();
    await removeImages(lab, images);
    await app.remove();
  }
  heading(`promote and rollback of one host under requests (${runs} runs each, taking turns)`);
  const whole = { name: "create, start, first 200, switch", value: median(floor.switched) };
  const start = { name: "create, start, first 200", value: median(floor.started) };
  for (const [name, found] of figures) {
    const isOurs = name.startsWith("promote") || name.startsWith("rollback");
    report(name, found.median, name.startsWith("rollback") ? start : whole, goalOf(name));
    const verdict = isOurs ? `  (goal 0 failed: ${found.failed === 0 ? "met" : "MISSED"})` : "";
    process.stdout.write(`    ${found.seen}${verdict}\n`);
    if (name.startsWith("rollback")) continue;
    // The floor is at its end when clients have the new release, and leaves the old one running.
    const replaced = { name: "the same and stop of the old one", value: median(floor.replaced) };
    report("  until clients have it", median(found.served), whole);
    report("  whole", found.median, replaced);
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
