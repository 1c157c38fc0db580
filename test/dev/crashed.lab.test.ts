import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { get, Project } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const serve = "exec httpd -f -p 8080 -h /www\n";

describeLab("envctl dev of a program that ends at once", () => {
  let lab: Lab;
  let session: DevSession | undefined;
  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("busybox");
  });
  afterEach(async () => {
    await session?.interrupt();
  });

  function project(dockerfile: string, port: number): Project {
    const made = new Project(lab);
    made.write("start.sh", serve);
    made.write("Dockerfile", `FROM busybox\n${dockerfile}\nSTOPSIGNAL SIGKILL\nCMD ["sh", "/www/start.sh"]\n`);
    made.environment(`app: { port: 8080, health: { path: /index.html, interval: 200ms } }
stages: { dev: { ports: ["127.0.0.1:${port}:8080"] } }`);
    return made;
  }

  it("takes in the correction of a file that its user alone may read", async () => {
    const made = project("COPY --chown=1000:1000 . /www/\nUSER 1000", 18_443);
    chmodSync(join(made.folder, "start.sh"), 0o600);
    session = new DevSession(made);
    await session.next("serving");
    made.write("start.sh", "exit 1\n");
    await session.next("synced", ({ problem }) => problem !== null);
    made.write("start.sh", serve);
    await session.next("synced", ({ problem }) => problem === null);
    expect((await get("http://127.0.0.1:18443/index.html")).status).toBe(200);
  });

  it("replaces its container where the correction is that a file is deleted", async () => {
    const made = project("COPY . /www/", 18_444);
    mkdirSync(join(made.folder, "plugins"));
    made.write("plugins/good.sh", "echo good\n");
    made.write("start.sh", `for each in /www/plugins/*.sh; do . $each; done\n${serve}`);
    session = new DevSession(made);
    await session.next("serving");
    made.write("plugins/wrong.sh", "exit 1\n");
    await session.next("synced", ({ problem }) => problem !== null);
    rmSync(join(made.folder, "plugins/wrong.sh"));
    const { why } = await session.next("rebuilding");
    expect(why).toEqual(["a deleted file cannot be taken out of a container that has ended"]);
    await session.next("serving");
    expect((await get("http://127.0.0.1:18444/index.html")).status).toBe(200);
  });
});
