import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import { capture } from "../../src/engine/capture.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { caddy } from "../../src/proxy/caddy.ts";
import { closingFile } from "../../src/proxy/caddy-closing.ts";
import { activationCommand, activationInput } from "../../src/rollout/activation.ts";
import { ProxyHost } from "../../src/rollout/proxy-host.ts";
import { liveRevision } from "../../src/rollout/proxy-revision.ts";
import { ReadyCommands } from "../../src/rollout/ready-commands.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { siteOf } from "../proxy/site.ts";

const { signal } = new AbortController();
const name = `ahead${process.pid}-prod-proxy`;
const command = activationCommand(caddy);

describeLab("a proxy that is told ahead of a change", () => {
  let lab: Lab;
  let engine: Engine;
  let commands: ReadyCommands;

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("caddy");
    engine = await openEngine({ kind: "unix", name: "local", path: lab.localSocket });
    await engine.pullImage(caddy.image, undefined, silent);
    commands = new ReadyCommands(engine);
    const owner = { environment: `ahead${process.pid}`, stage: "prod" };
    await host().ensure({ name, driver: "caddy", ports: [], owner }, false, silent, signal);
  });

  afterAll(async () => {
    const found = await engine.container(name);
    if (found) await host().remove(found, { certificates: true }, signal);
    await engine.close();
  });

  const host = () =>
    new ProxyHost({
      ...{ engine, commands, clock: systemClock, certificate: undefined, why: "a test" },
      bringImage: async () => caddy.image,
    });
  const revision = async () => {
    const container = await engine.container(name);
    return container && (await liveRevision(engine, container, signal));
  };
  const tell = (next: string) => {
    const sites = [siteOf({ upstreams: [{ name: next, port: 3000 }] })];
    return commands.run(name, command, activationInput(JSON.stringify(sites), caddy.render(sites, next), []), signal);
  };
  /** Commands of the container that are not its own, and what they keep below `/run`. */
  const left = async () => {
    const script = `for process in /proc/[0-9]*; do tr '\\0' ' ' <$process/cmdline 2>/dev/null; echo; done; ls /run`;
    const { stdout } = await capture(engine, name, ["sh", "-c", script], signal);
    return stdout.split("\n").filter((line) => /^caddy reload|^sleep|^sh -c umask|^caddy-(closing|next)/.test(line));
  };
  const asks = async () => (await left()).some((line) => closingFile.endsWith(`/${line}`));

  it("takes it at once, also where it is long in coming, and nothing is left of that", async () => {
    for (const pause of [0, 30, 150, 400, 5500]) {
      commands.start(name, command, signal);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (pause === 5500) expect(await asks()).toBe(false);
      expect(await tell(`after${pause}`)).toMatchObject({ exitCode: 0 });
      expect(await revision()).toBe(`after${pause}`);
      await expect.poll(left).toEqual([]);
    }
  });

  it("asks its clients to close their connections meanwhile, and no more once no change has come", async () => {
    const before = await revision();
    commands.start(name, command, signal);
    await expect.poll(asks).toBe(true);
    await commands.close();
    expect(await left()).toEqual([]);
    expect(await revision()).toBe(before);
  });

  it("serves as before, without a trace, where the one who told it was killed", async () => {
    const before = await revision();
    const waiting = execa("docker", ["-H", `unix://${lab.localSocket}`, "exec", "-i", name, ...command], {
      reject: false,
      stdin: "pipe",
    });
    await expect.poll(asks).toBe(true);
    waiting.kill("SIGKILL");
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
    expect(await revision()).toBe(before);
    expect(await tell("next")).toMatchObject({ exitCode: 0 });
  });

  it("is told anew where the loader that waited was killed", async () => {
    commands.start(name, command, signal);
    await expect.poll(asks).toBe(true);
    // By its first words: the shell that waits has them somewhere in its own.
    const kill =
      'for process in /proc/[0-9]*; do case $(tr "\\0" " " <$process/cmdline) in "caddy reload"*) kill -9 $(basename $process) && echo killed; esac; done';
    const killed = async () => (await capture(engine, name, ["sh", "-c", kill], signal)).stdout;
    await expect.poll(killed).toBe("killed\n");
    expect(await tell("revived")).toMatchObject({ exitCode: 0 });
    expect(await revision()).toBe("revived");
    await expect.poll(left).toEqual([]);
  });
});
