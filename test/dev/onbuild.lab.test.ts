import { execa } from "execa";
import { afterAll, expect, it } from "vitest";
import { Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const base = `FROM busybox
ONBUILD COPY site /www/
STOPSIGNAL SIGKILL
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`;

interface Explained {
  readonly explain: { readonly action: string; readonly why: string; readonly targets: { readonly path: string }[] };
}

describeLab("envctl dev with a base image that takes files by ONBUILD", () => {
  const images: string[] = [];
  let lab: Lab;
  afterAll(async () => {
    await docker(lab.localSocket, "rmi", "--force", ...images);
  });

  it("asks the engine for what it takes, or the registry, and syncs just that", async () => {
    lab = await useLab();
    await ensureBaseImage("busybox");
    const { host } = lab.registries.open;
    const project = new Project(lab);
    const [local, remote] = [`${project.name}-base`, `${host}/bases/${project.name}:1`];
    images.push(local, remote);
    await using folder = await Folder.of({ Dockerfile: base });
    await execa("docker", ["build", "--quiet", "--tag", local, "--tag", remote, folder.path], {
      env: { ...project.env, DOCKER_BUILDKIT: "0" },
    });
    await docker(lab.localSocket, "push", "--quiet", remote);
    await docker(lab.localSocket, "rmi", remote);
    await execa("mkdir", [`${project.folder}/site`]);
    project.write("site/page.html", "one\n");
    project.environment(
      `app: { port: 8080, health: { path: /page.html, interval: 200ms } }
stages: { dev: { ports: ["127.0.0.1:18443:8080"] } }`,
    );
    const explained = async (path: string) => (await project.json<Explained>("dev", "--explain", path)).explain;
    const synced = { action: "sync", targets: [{ path: "/www/page.html" }] };

    project.write("Dockerfile", `FROM ${remote}\n`);
    // Neither of them answers: its registry is not trusted to be without TLS.
    expect((await explained("index.html")).why).toContain(`whether ${remote} does by ONBUILD is not known`);
    project.env.ENVCTL_INSECURE_REGISTRIES = host;
    expect(await explained("site/page.html")).toMatchObject({ targets: synced.targets });
    expect((await explained("index.html")).why).toMatch(/no trace of it(?!.*ONBUILD)/);

    project.write("Dockerfile", `FROM ${local}\n`);
    const session = new DevSession(project);
    await session.next("serving");
    project.write("site/page.html", "two\n");
    expect(await session.next("synced")).toMatchObject({ files: ["site/page.html"], times: { restarted: null } });
    expect((await get("http://127.0.0.1:18443/page.html")).body).toBe("two\n");
    expect(await explained("site/page.html")).toMatchObject(synced);
    expect((await session.interrupt()).exitCode).toBe(130);
  });
});
