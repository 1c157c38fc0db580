import { afterAll, beforeAll, expect, it } from "vitest";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker } from "../promotion/project.ts";

const labels = { "envctl.environment": "restarts" };

function spec(name: string): ContainerSpec {
  return {
    ...{
      name,
      image: "busybox",
      command: ["sleep", "1000"],
      labels,
      network: "bridge",
      env: {},
      ports: [],
      mounts: [],
    },
    ...{ aliases: [], restart: "unless-stopped", stopSignal: "SIGKILL", stopGrace: 1000, entrypoint: undefined },
    ...{ user: undefined, memory: undefined, cpus: undefined, healthcheck: undefined },
  };
}

describeLab("an engine that crashed and is started again", () => {
  let lab: Lab;
  let engine: Engine;
  const open = async () => openEngine({ kind: "unix", name: "prod2", path: lab.host("prod2").socket });

  beforeAll(async () => {
    lab = await useLab();
    await docker(lab.host("prod2").socket, "pull", "-q", "busybox");
    engine = await open();
  });

  afterAll(async () => {
    for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
    await engine.close();
  });

  it("runs what was started, also after a signal, and nothing that was stopped", async () => {
    const names = [
      "restarts-started",
      "restarts-signalled",
      "restarts-stopped",
      "restarts-revived",
      "restarts-created",
    ];
    for (const name of names) await engine.createContainer(spec(name));
    for (const name of names.slice(0, 4)) await engine.startContainer(name);
    await engine.signalContainer("restarts-signalled", "SIGWINCH");
    await engine.stopContainer("restarts-stopped", 1000);
    await engine.stopContainer("restarts-revived", 1000);
    await engine.startContainer("restarts-revived");
    await engine.close();
    await lab.killEngine("prod2");
    await lab.startEngine("prod2");
    engine = await open();
    const states = async () => {
      const found = await engine.containers(labels);
      const words = (comesBack: boolean) => (comesBack ? "always" : "unless it is stopped");
      return Object.fromEntries(found.map(({ name, state, comesBack }) => [name, `${state} ${words(comesBack)}`]));
    };
    const running = "running always";
    await expect.poll(states, { timeout: 20_000 }).toEqual({
      "restarts-started": running,
      "restarts-signalled": running,
      "restarts-stopped": "exited unless it is stopped",
      "restarts-revived": running,
      // An engine starts nothing that never ran.
      "restarts-created": "created always",
    });
  });

  it("lets nothing come back that was stopped, however quickly it ended", async () => {
    const { socket } = lab.host("prod2");
    const policies: string[] = [];
    for (let time = 0; time < 6; time += 1) {
      await engine.startContainer("restarts-stopped");
      await (time % 2 === 0
        ? engine.stopContainer("restarts-stopped", 1000)
        : engine.endContainer("restarts-stopped", 1000));
      expect((await engine.container("restarts-stopped"))?.state).toBe("exited");
      policies.push(await docker(socket, "inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "restarts-stopped"));
    }
    // `always` would start it with the engine.
    expect(policies).toEqual(Array(6).fill("unless-stopped"));
  });

  it("starts at once again what has only just ended, and ends what ended before", async () => {
    const name = "restarts-stopped";
    await engine.startContainer(name);
    const first = (await engine.container(name))?.startedAt;
    await engine.endContainer(name, 1000);
    await engine.startContainer(name);
    const found = await engine.container(name);
    expect(found?.state).toBe("running");
    expect(found?.startedAt?.getTime()).toBeGreaterThan(first?.getTime() ?? Number.NaN);
    await engine.endContainer(name, 1000);
    await engine.endContainer(name, 1000);
    await engine.endContainer("restarts-unknown", 1000);
    expect((await engine.container(name))?.state).toBe("exited");
  });
});
