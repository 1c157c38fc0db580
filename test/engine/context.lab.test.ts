import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseHostAddress } from "../../src/base/host.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";

describeLab("a context that docker made", () => {
  let lab: Lab;
  const folder = mkdtempSync(join(tmpdir(), "envctl-context-"));

  beforeAll(async () => {
    lab = await useLab();
    await lab.addHost("guarded", { tls: true });
  }, 60_000);

  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await lab.removeHost("guarded");
    for (const name of ["prod1", "prod2"])
      await execa("docker", ["-H", `unix://${lab.host(name).socket}`, "volume", "rm", `on-${name}`]);
  });

  const mark = "envctl.test=context";
  const docker = (...words: string[]) => execa("docker", ["--config", folder, ...words]);

  it("leads to the engine it names, over a socket, SSH and TLS", async () => {
    const { tls } = lab.host("guarded");
    const files = ["ca", "cert", "key"].map((name) => `${name}=${tls?.folder}/${name}.pem`).join(",");
    await docker("context", "create", "near", "--docker", `host=unix://${lab.host("prod1").socket}`);
    await docker("context", "create", "far", "--docker", "host=ssh://prod2");
    await docker("context", "create", "safe", "--docker", `host=${tls?.address},${files}`);
    await docker("context", "use", "near");
    const { ENVCTL_SSH_CONFIG } = lab.env;
    const { PATH, HOME } = process.env;
    const variables = { PATH, HOME, ENVCTL_SSH_CONFIG, DOCKER_CONFIG: folder };
    const names: string[] = [];
    for (const name of ["prod1", "prod2", "guarded"])
      await execa("docker", [
        "-H",
        `unix://${lab.host(name).socket}`,
        "volume",
        "create",
        "--label",
        mark,
        `on-${name}`,
      ]);
    for (const address of ["context://near", "context://far", "context://safe", "local"]) {
      const parsed = parseHostAddress(address);
      if (!parsed) throw new Error(`${address} is no address`);
      const engine = await openEngine(parsed, { variables });
      const [volume] = await engine.volumes({ "envctl.test": "context" });
      names.push(volume?.name ?? "");
      await engine.close();
    }
    expect(names).toEqual(["on-prod1", "on-prod2", "on-guarded", "on-prod1"]);
  });
});
