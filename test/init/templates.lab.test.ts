import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Progress, type ProgressEvent } from "../../src/base/progress.ts";
import { buildImage } from "../../src/build/build.ts";
import { type Builder, findBuilder } from "../../src/build/builder.ts";
import { loadEnvironment } from "../../src/environment/load.ts";
import { detectAll } from "../../src/init/detect.ts";
import type { Detection } from "../../src/init/detection.ts";
import { filesFor, writeFiles } from "../../src/init/initialize.ts";
import { type Content, Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { samples } from "./samples.ts";

type BaseImage = Parameters<typeof ensureBaseImage>[0];

/** What a person does with what `init` wrote: build it, run it, look at it, stop it. */
describeLab("a template on a real engine", () => {
  let variables: Readonly<Record<string, string | undefined>>;
  let builder: Builder;
  const images: string[] = [];

  beforeAll(async () => {
    variables = { ...process.env, ...(await useLab()).env };
    builder = await findBuilder({ variables });
  });

  afterAll(async () => {
    for (const image of images) await docker("rmi", "--force", image);
  });

  async function docker(...command: readonly string[]): Promise<string> {
    return (await execa(builder.binary, command, { env: variables, extendEnv: false })).stdout;
  }

  async function buildIn(directory: string, output: ProgressEvent[] = []): Promise<string> {
    const { environment } = await loadEnvironment({ file: undefined, directory, variables: {} });
    const outcome = await buildImage({
      image: environment.image,
      labels: {},
      secrets: {},
      builder,
      variables,
      commitTime: undefined,
      progress: new Progress((event) => output.push(event)),
    }).catch((error: unknown) => {
      throw new Error(`the build failed:\n${output.map((event) => JSON.stringify(event)).join("\n")}`, {
        cause: error,
      });
    });
    const { id } = outcome as { id: string };
    images.push(id);
    return id;
  }

  const plainNode: Readonly<Record<string, string>> = {
    "package.json": JSON.stringify({ type: "module", main: "server.js", engines: { node: "^20" } }),
    "server.js": samples.node["src/server.js"].replace("hello from node", "hello from plain node"),
  };
  /** Gradle, because Debian's can build without fetching its plug-ins, and Maven's cannot. */
  const java: Readonly<Record<string, string>> = {
    "settings.gradle": "rootProject.name = 'hello'\n",
    "build.gradle":
      "apply plugin: 'java'\nsourceCompatibility = '17'\njar { manifest { attributes 'Main-Class': 'Hello' } }\n",
    "src/main/resources/application.properties": "server.port=8093\n",
    "src/main/java/Hello.java": `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Hello {
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(System.getenv("PORT"))), 0);
        server.createContext("/", exchange -> {
            boolean known = exchange.getRequestURI().getPath().equals("/");
            byte[] body = (known ? "hello from java" : "there is nothing").getBytes();
            exchange.sendResponseHeaders(known ? 200 : 404, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
`,
  };
  const cases: readonly (readonly [string, readonly BaseImage[], Readonly<Record<string, Content>>, RegExp, string])[] =
    [
      ["dockerfile", ["busybox"], samples.dockerfile, /hello from a Dockerfile/, "0"],
      ["node that builds", ["node"], samples.node, /hello from node as 1000/, "1000"],
      ["node that builds nothing", ["node"], plainNode, /hello from plain node as 1000/, "1000"],
      ["node-static", ["node", "nginx"], samples["node-static"], /hello from a site/, "10001"],
      ["python", ["python"], samples.python, /hello from python as 10001/, "10001"],
      ["go", ["golang"], samples.go, /hello from go as 10001/, "10001"],
      ["java", ["gradle", "temurin"], java, /hello from java/, "10001"],
      ["rust", ["rust"], samples.rust, /hello from rust/, "10001"],
      ["static", ["nginx"], samples.static, /hello from a page/, "10001"],
    ];

  it.each(cases)(
    "%s: built, run by the user that it names, healthy, and nothing served that it should not",
    async (_, bases, files, hello, user) => {
      for (const base of bases) await ensureBaseImage(base);
      await using folder = await Folder.of({ ...files, ".env": "SECRET=1\n" });
      const detection = await initialize(folder);
      if (detection.kind === "python") await doWithoutPipInVenv(folder);

      const image = await buildIn(folder.path);
      const container = await docker("run", "--detach", "--publish", `127.0.0.1::${detection.port}`, image);
      try {
        const address = (await docker("port", container, `${detection.port}/tcp`)).split("\n")[0];
        const health = typeof detection.health === "object" ? detection.health.path : "/";
        expect((await answer(`http://${address}${health}`)).status).toBe(200);
        expect(await (await answer(`http://${address}/`)).text()).toMatch(hello);
        for (const hidden of [".env", "envctl.yaml", "Dockerfile", "nginx.conf"]) {
          const response = await fetch(`http://${address}/${hidden}`);
          if (detection.kind === "node-static") expect(await response.text()).toMatch(hello);
          else expect(response.status).toBe(404);
        }
        // Seen from outside: an image made from scratch has no program that could tell.
        const process = await docker("inspect", "--format", "{{.State.Pid}}", container);
        const status = await readFile(`/proc/${process}/status`, "utf8");
        expect(/^Uid:\t(\d+)/m.exec(status)?.[1]).toBe(user);
        if (detection.kind === "node") {
          const began = performance.now();
          await docker("stop", "--time", "20", container);
          expect(performance.now() - began).toBeLessThan(10_000);
          expect(await docker("inspect", "--format", "{{.State.ExitCode}}", container)).toBe("0");
        }
      } catch (error) {
        throw new Error(
          `it said: ${(await execa(builder.binary, ["logs", container], { env: variables, all: true })).all}`,
          {
            cause: error,
          },
        );
      } finally {
        await docker("rm", "--force", container);
      }
    },
    // The first time, base images are made.
    300_000,
  );

  it("keeps the packages' layer while only sources change", async () => {
    await using folder = await Folder.of(samples.node);
    await initialize(folder);
    await buildIn(folder.path);
    await folder.write("src/server.js", `${samples.node["src/server.js"]}// changed at ${Date.now()}\n`);
    const events: ProgressEvent[] = [];
    await buildIn(folder.path, events);
    const noteOf = (part: string) => {
      const started = events.find((event) => event.type === "step-started" && event.title.includes(part));
      const step = started?.type === "step-started" ? started.step : undefined;
      const done = events.find((event) => event.type === "step-done" && event.step === step);
      return done?.type === "step-done" ? done.note : "it did not run";
    };
    expect(noteOf("RUN npm install")).toBe("cached");
    expect(noteOf("RUN npm run build")).toBeUndefined();
  });
});

/**
 * Debian's Maven finds no plug-ins where nothing can be fetched. BuildKit reads the whole Dockerfile before it asks for the first image, so what it
 * says tells whether it understood all of it; whether the commands do their work is not shown here.
 */
describeLab("a template that cannot be built in the lab", () => {
  let lab: Lab;
  let builder: Builder;

  beforeAll(async () => {
    lab = await useLab();
    builder = await findBuilder({ variables: { ...process.env, ...lab.env } });
  });

  async function complaint(directory: string): Promise<string> {
    const { all } = await execa(builder.binary, ["build", "--progress", "plain", directory], {
      env: { ...process.env, ...lab.env, DOCKER_BUILDKIT: "1" },
      extendEnv: false,
      reject: false,
      all: true,
    });
    return all;
  }

  it("Maven's: BuildKit understands every line", async () => {
    await using folder = await Folder.of(samples.java);
    await initialize(folder);
    const file = folder.join("Dockerfile");
    // An image that is surely nowhere, so that nothing is fetched where Docker Hub answers.
    const absent = `${lab.registries.open.host}/absent:1`;
    const text = (await readFile(file, "utf8")).replace(/^FROM (?!scratch)\S+/gm, `FROM ${absent}`);
    await folder.write("Dockerfile", text);
    const said = await complaint(folder.path);
    expect(said).toMatch(/\/absent:1: not found/);
    expect(said).not.toMatch(/parse error|unknown (?:instruction|flag)/i);
    await folder.write("Dockerfile", text.replace(/^CMD/m, "CDM"));
    expect(await complaint(folder.path)).toMatch(/unknown instruction: CDM/i);
  });
});

async function initialize(folder: Folder): Promise<Detection> {
  const [detection] = detectAll(folder.path);
  if (!detection) throw new Error("nothing was found");
  const request = { directory: folder.path, name: "hello", detection, hosts: { test: [], prod: [] }, force: false };
  await writeFiles(request, filesFor(request));
  return detection;
}

/** Debian's python3 in the lab's base image can put no pip into a virtual environment, as the official image's can. */
async function doWithoutPipInVenv(folder: Folder): Promise<void> {
  const text = await readFile(folder.join("Dockerfile"), "utf8");
  await folder.write("Dockerfile", text.replace("-m venv /venv", "-m venv --without-pip /venv"));
}

/** The first answer of a program that may still be starting. */
async function answer(url: string): Promise<Response> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      return await fetch(url);
    } catch (error) {
      if (Date.now() > end) throw error;
      await setTimeout(100);
    }
  }
}
