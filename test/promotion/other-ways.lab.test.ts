import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, type LabHost, useLab } from "../lab/lab.ts";
import { Project, runningContainers } from "./project.ts";

interface Built {
  readonly release: { readonly digest: string };
}

describeLab("other ways to hosts and registries", () => {
  let lab: Lab;
  let secure: LabHost;

  beforeAll(async () => {
    lab = await useLab();
    secure = await lab.addHost("secure", { tls: true });
  }, 120_000);

  afterAll(async () => {
    await lab.removeHost("secure");
  });

  const app = "app: { port: 8080, health: false, stop: { grace: 1s } }";

  it("streams the image to a host that the embedded registry cannot be reached from, and proves what arrived", async () => {
    const project = new Project(lab);
    const tls = secure.tls ?? { address: "", folder: "" };
    const files = `{ ca: ${tls.folder}/ca.pem, cert: ${tls.folder}/cert.pem, key: ${tls.folder}/key.pem }`;
    project.environment(
      `${app}\nstages:\n  dev: {}\n  test: { hosts: [{ address: "${tls.address}", tls: ${files} }] }`,
    );
    await project.ok("up", "dev");
    const result = await project.ok("promote", "test");
    expect(result.stderr).toMatch(
      /cannot reach the embedded registry, so the whole image travels .*with a registry in image\.repository only missing layers would/,
    );
    const [dev] = await runningContainers(lab.localSocket, project.name, "dev");
    const [test] = await runningContainers(secure.socket, project.name, "test");
    expect(test?.Image).toBe(dev?.Image);
    expect(await project.json("promote", "test")).toMatchObject({ changed: false });
    const { stages } = await project.json<{ stages: { verdict: string }[] }>("status");
    expect(stages.map(({ verdict }) => verdict)).toEqual(["ok", "ok"]);
  });

  it("promotes from one registry to another, with TLS and a password, and keeps the digest", async () => {
    const project = new Project(lab);
    const { open, secure: locked } = lab.registries;
    Object.assign(project.env, {
      ENVCTL_INSECURE_REGISTRIES: open.host,
      ENVCTL_REGISTRY: locked.host,
      ENVCTL_REGISTRY_USERNAME: locked.username,
      ENVCTL_REGISTRY_PASSWORD: locked.password,
      ENVCTL_REGISTRY_CA: locked.caFile,
    });
    project.write(
      "envctl.yaml",
      `name: ${project.name}\nimage: { repository: "${open.host}/team/${project.name}" }\n${app}\nstages:\n  dev: {}\n  prod: { hosts: [ssh://prod1], repository: "${locked.host}/live/${project.name}" }\n`,
    );
    const { release } = await project.json<Built>("up", "dev");
    expect(await project.json("promote", "prod")).toMatchObject({ release: { digest: release.digest } });
    const [prod] = await runningContainers(lab.host("prod1").socket, project.name, "prod");
    expect(prod?.Config.Image).toBe(`${locked.host}/live/${project.name}@${release.digest}`);
    project.env.ENVCTL_REGISTRY_PASSWORD = "wrong";
    project.page("second");
    await project.ok("up", "dev");
    const refused = await project.run("promote", "prod");
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toMatch(/next: {2}docker login/);
    expect(refused.stderr).not.toContain("wrong");
  });
});
