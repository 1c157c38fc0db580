import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { packTar } from "modern-tar";
import type { Lab } from "../lab/lab.ts";
import { BareEngine } from "./bare-engine.ts";
import { heading, median, report } from "./measure.ts";
import { SyncLine } from "./sync-line.ts";

const name = "bench-sync";

/** A save until its content can be read in a container: ours, beside the floor and `docker cp`, turn by turn. */
export async function benchSync(lab: Lab): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  const engine = new BareEngine(lab.localSocket);
  const docker = (...args: string[]) => execa("docker", ["-H", `unix://${lab.localSocket}`, ...args]);
  try {
    await docker("rm", "-f", name).catch(() => undefined);
    await docker("run", "-d", "--name", name, "busybox:latest", "sleep", "100000");
    const pid = (await docker("inspect", "-f", "{{.State.Pid}}", name)).stdout;
    const folder = join(root, "tree");
    for (let index = 0; index < 2_000; index += 1) {
      mkdirSync(join(folder, `d${index % 20}`), { recursive: true });
      writeFileSync(join(folder, file(index)), "0".repeat(size));
    }
    writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
    heading("sync: a save until its content is there in the container");
    await using line = await SyncLine.start(lab.localSocket, name, folder);
    const seen = (index: number) => readOrNothing(`/proc/${pid}/root/app/${file(index)}`);
    for (const { count, rounds, goal } of [
      { count: 1, rounds: 40, goal: 1.5 },
      { count: 200, rounds: 8, goal: undefined },
      { count: 2_000, rounds: 5, goal: undefined },
    ]) {
      const times: Record<"ours" | "floor" | "copy", number[]> = { ours: [], floor: [], copy: [] };
      const measured = async (way: keyof typeof times, text: string, send: (() => Promise<unknown>) | undefined) => {
        const event = send ? lastEvent(folder, file(count - 1)) : undefined;
        const begun = performance.now();
        for (let index = 0; index < count; index += 1) writeFileSync(join(folder, file(index)), text);
        await event;
        await send?.();
        for (let index = 0; index < count; ) {
          if (seen(index) === text) index += 1;
          else await setImmediate();
        }
        times[way].push(performance.now() - begun);
        if (send) await line.catchUp();
      };
      for (let round = 0; round < rounds; round += 1) {
        const text = (way: string) => `${count} ${round} ${way} `.padEnd(size, "x");
        line.pause = false;
        await measured("ours", text("ours"), undefined);
        line.pause = true;
        await measured("floor", text("floor"), () => putArchive(engine, text("floor"), count));
        await measured("copy", text("copy"), async () =>
          count === 1
            ? await docker("cp", join(folder, file(0)), `${name}:/app/${file(0)}`)
            : await docker("cp", `${folder}/.`, `${name}:/app`),
        );
      }
      const floor = { name: "floor", value: median(times.floor) };
      const files = count === 1 ? "1 file" : `${count} files`;
      report(`${files}, envctl dev, median`, median(times.ours), floor, goal);
      report(`${files}, envctl dev, p95`, p95(times.ours), floor);
      report(`${files}, docker cp, median`, median(times.copy), floor);
    }
    await endurance(lab.localSocket, root);
  } finally {
    await docker("rm", "-f", name).catch(() => undefined);
    engine.close();
    rmSync(root, { recursive: true, force: true });
  }
}

const size = 2_048;
const file = (index: number) => `d${index % 20}/f${index}`;

/** Memory and processor time over 20,000 files, in a process of their own. */
async function endurance(socket: string, root: string): Promise<void> {
  const folder = join(root, "large");
  for (let index = 0; index < 20_000; index += 1) {
    mkdirSync(join(folder, `d${index % 1_000}`), { recursive: true });
    writeFileSync(join(folder, `d${index % 1_000}/f${index}`), `${index}`.padEnd(200, "x"));
  }
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
  const script = fileURLToPath(new URL("sync-endurance.ts", import.meta.url));
  await execa(process.execPath, ["--expose-gc", "--import", "tsx", script, socket, name, folder], {
    stdout: "inherit",
  });
}

async function putArchive(engine: BareEngine, text: string, count: number): Promise<void> {
  const body = Buffer.from(text);
  const entries = Array.from({ length: count }, (_, index) => ({
    header: { name: file(index), size: body.length, mode: 0o644, type: "file" as const },
    body,
  }));
  await engine.call("PUT", `/containers/${name}/archive?path=/app`, Buffer.from(await packTar(entries)));
}

function lastEvent(folder: string, path: string): Promise<void> {
  return new Promise((resolve) => {
    const [directory = "", base] = path.split("/");
    const watcher = watch(join(folder, directory), (_type, changed) => {
      if (changed !== base) return;
      watcher.close();
      resolve();
    });
  });
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Missing for a moment, or not there yet.
    return "";
  }
}

function p95(times: readonly number[]): number {
  const sorted = times.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? Number.NaN;
}
