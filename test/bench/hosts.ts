import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { silent } from "../../src/base/progress.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import type { Lab } from "../lab/lab.ts";
import { heading, median, report, run, timeTogether } from "./measure.ts";

const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));

/** `up` where nothing changed, and `promote` to more and more hosts that have the image already, beside bare engines. */
export async function benchHosts(lab: Lab): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  const env = { ...process.env, ...lab.env, ENVCTL_REGISTRY_DIR: join(folder, "registry") };
  const names = await hosts(lab, 8);
  const stages = [1, 2, 4, 8].map(
    (count) =>
      `  on${count}: { after: dev, hosts: [${names
        .slice(0, count)
        .map((name) => `ssh://${name}`)
        .join(", ")}], rollout: { batch: ${count}, keep: 0 } }`,
  );
  const sections = (version: string) =>
    `name: bench\nimage: { repository: bench }\napp: { stop: { grace: 1s }, port: 8080, health: { path: /index.html, interval: 100ms, retries: 300 }, env: { VERSION: "${version}" } }\nstages:\n  dev: {}\n${stages.join("\n")}\n`;
  writeFileSync(
    join(folder, "Dockerfile"),
    'FROM busybox\nRUN echo hello > /index.html\nSTOPSIGNAL SIGKILL\nCMD ["httpd", "-f", "-p", "8080", "-h", "/"]\n',
  );
  writeFileSync(join(folder, ".dockerignore"), "registry\nenvctl.yaml\n");
  writeFileSync(join(folder, "envctl.yaml"), sections("0"));
  const envctl = (...args: string[]) => run(process.execPath, [cli, ...args], { cwd: folder, env });
  try {
    await envctl("up", "dev");
    await benchNothing(lab, () => envctl("up", "dev"));

    heading("promote to hosts that have the image already (5 runs each, taking turns)");
    for (const count of [1, 2, 4, 8]) await envctl("promote", `on${count}`);
    const times = new Map<number, number[]>();
    for (let round = 1; round <= 5; round += 1) {
      // Another configuration: every host gets a new container of the image it has.
      writeFileSync(join(folder, "envctl.yaml"), sections(String(round)));
      for (const count of [1, 2, 4, 8]) {
        const begun = performance.now();
        await envctl("promote", `on${count}`);
        times.set(count, [...(times.get(count) ?? []), performance.now() - begun]);
      }
    }
    const one = median(times.get(1) ?? []);
    for (const count of [1, 2, 4, 8])
      report(
        `${count} host${count === 1 ? "" : "s"}`,
        median(times.get(count) ?? []),
        { name: "1 host", value: one },
        count === 8 ? 3 : undefined,
      );
    await benchEngines(lab, names);
  } finally {
    for (const stage of ["on8", "on4", "on2", "on1", "dev"]) await envctl("down", stage, "--volumes", "--yes");
    await envctl("prune", "--yes");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The floor: what the engines themselves take on this machine, asked over their Unix sockets for nothing but containers. */
async function benchEngines(lab: Lab, names: readonly string[]): Promise<void> {
  const spec: ContainerSpec = {
    ...{ name: "bench-floor", image: "busybox", command: ["sleep", "60"], labels: {}, network: "bridge", env: {} },
    ...{ ports: [], mounts: [], aliases: [], restart: "no", stopSignal: "SIGKILL", stopGrace: 1000 },
    ...{ entrypoint: undefined, user: undefined, memory: undefined, cpus: undefined, healthcheck: undefined },
  };
  const engines = await Promise.all(
    names.map((name) => openEngine({ kind: "unix", name, path: lab.host(name).socket })),
  );
  const replace = async (engine: Engine) => {
    const id = await engine.createContainer(spec);
    await engine.startContainer(id);
    await engine.stopContainer(id, 1000);
    await engine.removeContainer(id);
  };
  const together = (count: number) => () => Promise.all(engines.slice(0, count).map(replace));
  try {
    await Promise.all(engines.map((engine) => engine.pullImage("busybox:latest", undefined, silent)));
    const [one = 0, eight = 0] = await timeTogether(5, [together(1), together(8)]);
    report("8 engines alone: create, start, stop, remove", eight, { name: "1 engine", value: one });
  } finally {
    for (const engine of engines) await engine.close();
  }
}

/** A program that reads the same state and does nothing else: the floor for a command of its own. */
const bareProgram = `
const { request, Agent } = require("node:http");
const agent = new Agent({ keepAlive: true });
const filters = encodeURIComponent(JSON.stringify({ label: ["envctl.environment=bench", "envctl.stage=dev"] }));
const read = (path) => new Promise((resolve, reject) => {
  request({ socketPath: process.argv[1], path, agent }, (response) => {
    let body = "";
    response.on("data", (chunk) => { body += chunk; });
    response.on("end", () => resolve(body));
  }).on("error", reject).end();
});
const state = async () => {
  const [containers] = await Promise.all([read("/v1.41/containers/json?all=1&filters=" + filters), read("/v1.41/networks?filters=" + filters), read("/v1.41/volumes?filters=" + filters)]);
  for (const { Id, ImageID } of JSON.parse(containers)) await Promise.all([read("/v1.41/containers/" + Id + "/json"), read("/v1.41/images/" + ImageID + "/json")]);
};
(async () => {
  await state();
  agent.destroy();
})();
`;

async function benchNothing(lab: Lab, up: () => Promise<unknown>): Promise<void> {
  heading("up with nothing changed: no write to any engine or registry (10 runs each, taking turns)");
  const [bare = 0, ours = 0] = await timeTogether(10, [
    () => run(process.execPath, ["-e", bareProgram, lab.localSocket]),
    up,
  ]);
  report("envctl up dev", ours, { name: "a program of bare API calls", value: bare }, 10);
}

async function hosts(lab: Lab, count: number): Promise<string[]> {
  const names = Object.keys(lab.hosts);
  for (let index = names.length + 1; names.length < count; index += 1) {
    await lab.addHost(`bench${index}`);
    names.push(`bench${index}`);
  }
  return names;
}
