import { afterAll, beforeAll, describe } from "vitest";
import { parseHostAddress } from "../../src/base/host.ts";
import { silent } from "../../src/base/progress.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { filesAndNetworks } from "./files-and-networks.ts";

const labels = { "envctl.test": "files" };
const network = "files-test";

function spec(changes: Partial<ContainerSpec>): ContainerSpec {
  return {
    name: "files-test",
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
    stopGrace: 0,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "no",
    ...changes,
  };
}

describeLab("files and networks of containers", () => {
  describe.each(["unix", "ssh"])("over %s", (kind) => {
    let engine: Engine;

    beforeAll(async () => {
      const lab = await useLab();
      const address = parseHostAddress(kind === "ssh" ? "ssh://test1" : `unix://${lab.localSocket}`);
      if (!address) throw new Error("no address");
      engine = await openEngine(address, { variables: lab.env });
      await engine.pullImage("busybox:latest", undefined, silent);
      await engine.ensureNetwork(network, labels);
    });

    afterAll(async () => {
      for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
      for (const { name } of await engine.volumes(labels)) await engine.removeVolume(name);
      for (const { name } of await engine.networks(labels)) await engine.removeNetwork(name);
      await engine.close();
    });

    filesAndNetworks(() => engine, spec);
  });
});
