import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { capture } from "../../src/engine/capture.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { startLoad } from "../proxy/load.ts";

const labels = { "envctl.test": "attach" };
// Sorts before whatever a stage may be called: engines give ports and default route to the first network by name.
const own = "0-attach-test";
const stages = ["attach-test-prod", "attach-test-a"];
const hostPort = 28_110;
const image = "docker.io/library/node:20-slim";
const app = fileURLToPath(new URL("../proxy/fixtures/upstream.mjs", import.meta.url));

function spec(name: string, network: string, changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name,
    image,
    command: ["node", "/upstream.mjs"],
    entrypoint: undefined,
    user: undefined,
    env: { NAME: name },
    labels,
    ports: [],
    mounts: [{ kind: "bind", source: app, target: "/upstream.mjs", readOnly: true }],
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

describeLab("a container with a published port", () => {
  // From another machine the kernel leads to the container, from the host itself a program of the engine does.
  describe.each(["another machine", "the host itself"])("asked from %s", (from) => {
    let engine: Engine;

    beforeAll(async () => {
      const lab = await useLab();
      const socket = from === "the host itself" ? lab.localSocket : lab.host("prod1").socket;
      engine = await openEngine({ kind: "unix", name: from, path: socket });
      await engine.pullImage(image, undefined, silent);
      for (const name of [own, ...stages]) await engine.ensureNetwork(name, labels);
    });

    afterAll(async () => {
      for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
      for (const { name } of await engine.networks(labels)) await engine.removeNetwork(name);
      await engine.close();
    });

    test("loses no request and no connection while it is attached to networks and detached", async () => {
      const lab = await useLab();
      const address = from === "the host itself" ? "127.0.0.1" : lab.host("prod1").ip;
      const ports = [{ address: undefined, hostPort, containerPort: 3000, protocol: "tcp" as const }];
      const proxy = await engine.createContainer(spec("attach-test-proxy", own, { ports }));
      await engine.startContainer(proxy);
      for (const stage of stages) await engine.startContainer(await engine.createContainer(spec(`${stage}-1`, stage)));
      await setTimeout(1000);
      const load = startLoad(address, hostPort);
      await setTimeout(1500);
      for (let round = 1; round <= 3; round += 1) {
        for (const stage of stages) {
          await engine.connectNetwork(stage, proxy);
          const script = `fetch("http://${stage}-1:3000").then((answer) => console.log(answer.status))`;
          expect(await capture(engine, proxy, ["node", "-e", script])).toMatchObject({ stdout: "200\n" });
        }
        for (const stage of stages) await engine.disconnectNetwork(stage, proxy);
      }
      await setTimeout(500);
      const { answered, failures } = await load.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(500);
    });
  });
});
