import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { SyncLine } from "./sync-line.ts";

/** What the sync costs a developer who leaves it open: told on standard output. */
const [socket = "", container = "", folder = ""] = process.argv.slice(2);
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const heap = () => {
  global.gc?.();
  return process.memoryUsage().heapUsed;
};
const say = (text: string) => process.stdout.write(`  ${text}\n`);

const before = process.memoryUsage().rss;
const begun = performance.now();
await using line = await SyncLine.start(socket, container, folder);
say(`20,000 files: first sync and ready after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
heap();
say(`20,000 files: memory ${megabytes(process.memoryUsage().rss)}, of which ${megabytes(before)} are there without it`);

const idle = 10_000;
// What the first sync left to do is not idleness.
await setTimeout(3_000);
const start = process.cpuUsage();
await setTimeout(idle);
const { user, system } = process.cpuUsage(start);
say(`20,000 files, idle for ${idle / 1_000} s: ${((user + system) / 10 / idle).toFixed(3)} % of a processor`);

const save = async (round: number) => {
  const synced = new Promise<void>((resolve) => {
    line.onSynced = resolve;
  });
  writeFileSync(join(folder, `d${round % 7}/f${round % 7}`), `save ${round} ${Math.random()}`);
  await synced;
};
for (let round = 0; round < 200; round += 1) await save(round);
const early = heap();
const began = performance.now();
for (let round = 0; round < 1_000; round += 1) await save(round);
const each = (performance.now() - began) / 1_000;
say(
  `1,000 saves among 20,000 files: ${each.toFixed(1)} ms each, heap ${megabytes(early)} before and ${megabytes(heap())} after`,
);
