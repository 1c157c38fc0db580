// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the hostile text itself
import { lstatSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { EnvctlError } from "../../src/base/errors.ts";
import { readEnvironment } from "../../src/environment/load.ts";
import { detectAll } from "../../src/init/detect.ts";
import { type Detection, kinds } from "../../src/init/detection.ts";
import { filesFor, type InitRequest, writeFiles } from "../../src/init/initialize.ts";
import { isName, nameFor } from "../../src/init/name.ts";
import { publishedPorts, readHostList, wrongHost } from "../../src/init/stage-hosts.ts";
import { fillIn } from "../../src/init/template.ts";
import { Folder } from "../build/folder.ts";
import { samples } from "./samples.ts";

function request(directory: string, detection: Detection, changes: Partial<InitRequest> = {}): InitRequest {
  return { directory, name: "shop", detection, hosts: { test: [], prod: [] }, force: false, ...changes };
}

function firstOf(directory: string): Detection {
  const [found] = detectAll(directory);
  if (!found) throw new Error("nothing was found");
  return found;
}

async function initialize(directory: string, changes: Partial<InitRequest> = {}): Promise<void> {
  const wanted = request(directory, firstOf(directory), changes);
  await writeFiles(wanted, filesFor(wanted));
}

async function validated(directory: string) {
  const { problems, environment } = await readEnvironment({ file: undefined, directory, variables: {} });
  expect(problems).toEqual([]);
  if (!environment) throw new Error("the environment file is not valid");
  return environment;
}

describe("what init writes", () => {
  it("has a sample of every kind", () => {
    expect(Object.keys(samples).sort()).toEqual([...kinds].sort());
  });

  it.each(Object.entries(samples))(
    "is a valid environment file for %s, with a Dockerfile for its port",
    async (kind, files) => {
      await using folder = await Folder.of(files);
      const detection = firstOf(folder.path);
      expect(detection.kind).toBe(kind);
      await initialize(folder.path);
      const environment = await validated(folder.path);
      expect(environment.name).toBe("shop");
      expect(environment.stages.map(({ name }) => name)).toEqual(["dev"]);
      const dockerfile = await readFile(folder.join("Dockerfile"), "utf8");
      expect(dockerfile).not.toMatch(/\{\{|\}\}/);
      if (kind === "dockerfile") return expect(dockerfile).toBe(samples.dockerfile.Dockerfile);
      expect(dockerfile).toMatch(new RegExp(`^EXPOSE ${detection.port}$`, "m"));
      expect(dockerfile).toMatch(/^USER (?:10001|node)$/m);
      expect(dockerfile).toMatch(/^CMD \["/m);
    },
  );

  it("lets stages on one host have ports of their own", async () => {
    await using folder = await Folder.of(samples.node);
    await initialize(folder.path, { hosts: { test: ["local"], prod: ["ssh://a", "local"] } });
    const { stages } = await validated(folder.path);
    expect(stages.map(({ name }) => name)).toEqual(["dev", "test", "prod"]);
    expect(stages.map(({ hosts }) => hosts.map(({ name }) => name))).toEqual([
      ["local"],
      ["local"],
      ["ssh://a", "local"],
    ]);
  });

  it("stays valid when the stages in comments are switched on", async () => {
    await using folder = await Folder.of(samples.python);
    await initialize(folder.path);
    const text = await readFile(folder.join("envctl.yaml"), "utf8");
    await folder.write(
      "envctl.yaml",
      text.replace(/^stages:.*/ms, (stages) => stages.replace(/^ {2}# /gm, "  ")),
    );
    expect((await validated(folder.path)).stages.map(({ name }) => name)).toEqual(["dev", "test", "prod"]);
  });

  it.each(["null", "true", "yes", "on", "n"])("says the name %s so that it stays text", async (name) => {
    await using folder = await Folder.of(samples.static);
    await initialize(folder.path, { name });
    expect((await validated(folder.path)).name).toBe(name);
  });

  it("keeps what is there, byte by byte, and says so when that is all", async () => {
    await using folder = await Folder.of({ ...samples.node, "envctl.yaml": "mine: 1\n", ".dockerignore": "mine\n" });
    await initialize(folder.path);
    expect(await readFile(folder.join("envctl.yaml"), "utf8")).toBe("mine: 1\n");
    expect(await readFile(folder.join(".dockerignore"), "utf8")).toBe("mine\n");
    const dockerfile = await readFile(folder.join("Dockerfile"), "utf8");
    await expect(initialize(folder.path)).rejects.toMatchObject({ code: "already-there", exitCode: 2 });
    expect(await readFile(folder.join("Dockerfile"), "utf8")).toBe(dockerfile);
  });

  it("writes over it by force, and leaves nothing else", async () => {
    await using folder = await Folder.of({ ...samples.static, "envctl.yaml": "mine: 1\n" });
    await initialize(folder.path, { force: true });
    await validated(folder.path);
    expect((await readdir(folder.path)).sort()).toEqual(
      [".dockerignore", "Dockerfile", "envctl.yaml", "nginx.conf", ...Object.keys(samples.static)].sort(),
    );
  });

  it("never writes through a link", async () => {
    await using outside = await Folder.of({ "precious.txt": "keep me" });
    await using folder = await Folder.of({
      ...samples.node,
      "envctl.yaml": { link: outside.join("new.yaml") },
      Dockerfile: { link: outside.join("precious.txt") },
    });
    const [, node] = detectAll(folder.path);
    if (!node) throw new Error("node was not found");
    const careful = request(folder.path, node);
    await writeFiles(careful, filesFor(careful));
    const forced = request(folder.path, node, { force: true });
    await writeFiles(forced, filesFor(forced));
    expect(await readdir(outside.path)).toEqual(["precious.txt"]);
    expect(await readFile(outside.join("precious.txt"), "utf8")).toBe("keep me");
    expect(lstatSync(folder.join("Dockerfile")).isSymbolicLink()).toBe(false);
  });

  it("takes back what it wrote if it cannot write all, and keeps what came to be there meanwhile", async () => {
    await using folder = await Folder.of(samples.node);
    const wanted = request(folder.path, firstOf(folder.path));
    const files = filesFor(wanted);
    await folder.write("Dockerfile", "FROM someone-else\n");
    const failure = await writeFiles(wanted, files).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EnvctlError);
    expect(failure).toMatchObject({ code: "not-written", exitCode: 1, state: "nothing was written" });
    expect((await readdir(folder.path)).sort()).toEqual(["Dockerfile", "build.js", "package.json", "src"]);
    expect(await readFile(folder.join("Dockerfile"), "utf8")).toBe("FROM someone-else\n");
  });
});

describe("the name", () => {
  it.each([
    ["shop", "shop"],
    ["My Shop_2", "my-shop-2"],
    ["2024-shop", "shop"],
    ["Überprüfung", "uberprufung"],
    ["日本", "app"],
    ['"; rm -rf x', "rm-rf-x"],
    ["--", "app"],
    [`${"a".repeat(30)}-b`, "a".repeat(30)],
  ])("of a folder %j is %j", (folder, name) => {
    expect(nameFor(`/somewhere/${folder}`)).toBe(name);
  });

  it("is valid whatever the folder is called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => isName(nameFor(`/x/${text}`))),
      { numRuns: 500 },
    );
    expect(isName(nameFor("/"))).toBe(true);
  });
});

describe("hosts", () => {
  it("are read as people type them", () => {
    expect(readHostList(" deploy@a.example.com, ssh://b;local  b")).toEqual([
      "ssh://deploy@a.example.com",
      "ssh://b;local",
      "ssh://b",
    ]);
    expect(wrongHost(["ssh://a", "ssh://-oProxyCommand=x"])).toBe("ssh://-oProxyCommand=x");
    expect(wrongHost(["ssh://a", "local", "tcp://b:2376"])).toBeUndefined();
  });

  it("that stages share get a port for each; ports below 1024 are published above", () => {
    expect(publishedPorts(8080, { test: [], prod: [] })).toEqual({ dev: 8080, test: 8080, prod: 8080 });
    expect(publishedPorts(80, { test: ["local"], prod: ["ssh://a", "local"] })).toEqual({
      dev: 8080,
      test: 8081,
      prod: 8082,
    });
    expect(publishedPorts(65_535, { test: ["local"], prod: [] }).test).not.toBe(65_535);
  });
});

describe("a template", () => {
  it("leaves out the lines of empty values", () => {
    expect(fillIn("a\n  {{?no}}b {{no}}\n  {{?yes}}c {{yes}}\n", { no: "", yes: "1" })).toBe("a\n  c 1\n");
  });

  it.each(["a\nRUN reboot", "a\rb", "a\u2028b", "a\0", "\u001b[31m"])("refuses the value %j", (value) => {
    expect(() => fillIn("FROM {{x}}", { x: value })).toThrow(RangeError);
  });

  it("refuses what has no value, names of Object's own included", () => {
    expect(() => fillIn("{{missing}}", {})).toThrow(/missing/);
    expect(() => fillIn("{{constructor}}", {})).toThrow(/constructor/);
  });
});

describe("a hostile folder", () => {
  const nasty = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom(
      '"; rm -rf /',
      "$(reboot)",
      "`id`",
      "\nRUN reboot\n",
      "'\nUSER root",
      "{{port}}",
      "${HOME}",
      "--privileged",
      "\\",
      "|| true",
    ),
  );
  const words = (text: string) => text.split("\n").flatMap((line) => /^([A-Z]+) /.exec(line)?.[1] ?? []);

  it("adds no instruction to a Dockerfile, no key to the environment file, no word to a command", async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, nasty, async (one, two, three) => {
        const manifest = {
          name: one,
          main: two,
          packageManager: three,
          scripts: { start: `node ${one}`, build: two, prepare: three },
          engines: { node: three },
        };
        await using folder = await Folder.of({
          "package.json": JSON.stringify(manifest),
          "requirements.txt": `flask\n${one}`,
          "app.py": `x = Flask(${two})\n${three} = Flask()\n`,
          "go.mod": `module ${one}\ngo ${two}\n`,
          "pom.xml": `<java.version>${one}</java.version>`,
          "Cargo.toml": `[package]\nname = "${one}"\n`,
          "public/index.html": one,
        });
        for (const detection of detectAll(folder.path)) {
          const files = filesFor(request(folder.path, detection, { name: nameFor(`/x/${one}`) }));
          const text = files.find(({ name }) => name === "Dockerfile")?.content ?? "";
          expect(words(text).filter((word) => word === "USER")).toHaveLength(1);
          expect(words(text).filter((word) => word === "CMD")).toHaveLength(1);
          const command: unknown = JSON.parse(/^CMD (.*)$/m.exec(text)?.[1] ?? "");
          expect(command).toEqual(expect.arrayContaining([expect.any(String)]));
          const shell = text.split("\n").filter((line) => /^(?:RUN|FROM|COPY|ENV|USER|EXPOSE) /.test(line));
          expect(shell.join("\n")).not.toMatch(/reboot|rm -rf \/|`id`|--privileged/);
          const environment: unknown = parse(files[0]?.content ?? "");
          expect(Object.keys(environment as object)).toEqual(["name", "image", "app", "stages"]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
