// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles and of Spring, not of JavaScript
import { describe, expect, it } from "vitest";
import { detectAll } from "../../src/init/detect.ts";
import type { Detection } from "../../src/init/detection.ts";
import { Folder } from "../build/folder.ts";

async function detect(files: Readonly<Record<string, string>>): Promise<readonly Detection[]> {
  await using folder = await Folder.of(files);
  return detectAll(folder.path);
}

async function first(files: Readonly<Record<string, string>>): Promise<Detection> {
  const [found] = await detect(files);
  if (!found) throw new Error("nothing was found");
  return found;
}

const json = (value: unknown) => JSON.stringify(value, null, 2);

describe("what is looked for", () => {
  it("finds nothing in an empty folder, nor in one of unknown things", async () => {
    expect(await detect({})).toEqual([]);
    expect(await detect({ Gemfile: "source 'x'", "notes.txt": "hello" })).toEqual([]);
  });

  it("takes folders with a sign's name for no sign", async () => {
    expect(await detect({ "Dockerfile/x": "", "package.json/x": "", "index.html/x": "" })).toEqual([]);
  });

  it.each([
    ["dockerfile", { Dockerfile: "FROM x", "package.json": "{}" }],
    ["node", { "package.json": json({ scripts: { start: "node ." } }), "requirements.txt": "" }],
    ["python", { "package.json": json({ devDependencies: { prettier: "3" } }), "requirements.txt": "flask" }],
    ["go", { "go.mod": "module x" }],
    ["java", { "pom.xml": "<project/>" }],
    ["java", { "build.gradle.kts": "" }],
    ["rust", { "Cargo.toml": '[package]\nname = "x"' }],
    ["static", { "index.html": "" }],
  ])("the likeliest is %s for %j", async (kind, files) => {
    expect((await first(files)).kind).toBe(kind);
  });

  it("lists all that it may be", async () => {
    const found = await detect({
      "package.json": json({ main: "a.js" }),
      "a.js": "",
      "go.mod": "module x",
      "public/index.html": "",
    });
    expect(found.map(({ kind }) => kind)).toEqual(["node", "go", "static"]);
  });
});

describe("a Dockerfile that is there", () => {
  it.each([
    ["FROM node:20\nEXPOSE 3000\n", 3000],
    ["FROM a AS b\nEXPOSE 1111\nFROM c\nEXPOSE 2222/tcp\n", 2222],
    ["FROM a AS base\nEXPOSE 1111\nFROM base\nCMD x\n", 1111],
    ["FROM a\nEXPOSE 53/udp 8053/tcp\n", 8053],
    ["ARG P=7000\nFROM a\nARG P=7001\nENV PORT=$P\nEXPOSE ${PORT}\n", 7001],
    ["FROM a\nENV PORT 7002\n", 7002],
    ["FROM a\nEXPOSE 9000 9090\nENV PORT=9090\n", 9090],
    ["FROM a\nEXPOSE 9000 9090\nHEALTHCHECK CMD curl -f http://localhost:9090/ok\n", 9090],
    ["FROM a\nexpose \\\n  # in between\n  4321\n", 4321],
    ['FROM a\n# EXPOSE 1\nCMD ["uvicorn", "main:app", "--port", "8001"]\n', 8001],
    ["FROM a\nENTRYPOINT gunicorn --bind 0.0.0.0:8002 x:y\n", 8002],
    ["FROM a\nRUN <<EOF\nEXPOSE 1\nEOF\nEXPOSE 5\n", 5],
    ["FROM nginx:1.27-alpine\nCOPY . /usr/share/nginx/html\n", 80],
    ["FROM a\r\nEXPOSE 4000\r\n", 4000],
  ])("%j tells port %i", async (text, port) => {
    const { kind, port: found, notes } = await first({ Dockerfile: text });
    expect([kind, found]).toEqual(["dockerfile", port]);
    expect(notes.join()).not.toMatch(/guess/);
  });

  it.each([
    "FROM a\n",
    "FROM a\nEXPOSE 99999\n",
    "FROM a\nEXPOSE $UNKNOWN\n",
    "",
    "no Dockerfile at all\n",
    "FROM a AS a\nFROM a AS a\n",
  ])("%j tells none: 8080, and a note", async (text) => {
    const { port, notes } = await first({ Dockerfile: text });
    expect(port).toBe(8080);
    expect(notes).toEqual([expect.stringMatching(/8080 is a guess/)]);
  });

  it("leaves the health to the image's HEALTHCHECK, unless that is NONE", async () => {
    expect((await first({ Dockerfile: "FROM a\nHEALTHCHECK --interval=5s CMD ./check\n" })).health).toBe("image");
    expect((await first({ Dockerfile: "FROM a\nHEALTHCHECK NONE\n" })).health).toBe("port");
    expect((await first({ Dockerfile: "FROM a AS b\nHEALTHCHECK CMD x\nFROM b\nHEALTHCHECK NONE\n" })).health).toBe(
      "port",
    );
  });
});

describe("Node", () => {
  const server = 'import http from "node:http";\nhttp.createServer().listen(process.env.PORT ?? 4000);\n';

  it("reads program, port, health and version", async () => {
    const found = await first({
      "package.json": json({
        scripts: { start: "node --enable-source-maps server.js" },
        engines: { node: ">=20 <23" },
      }),
      "package-lock.json": "{}",
      "server.js": `${server}app.get("/healthz", ok);\n`,
    });
    expect(found).toMatchObject({
      kind: "node",
      port: 4000,
      health: { path: "/healthz" },
      found: "package.json (npm, Node 22)",
    });
    expect(found.values).toMatchObject({
      version: "22",
      manifests: "package.json package-lock.json",
      install: "npm ci --no-audit --no-fund --omit=dev",
      build: "",
      command: '["node","--enable-source-maps","server.js"]',
    });
  });

  it.each([
    ["^20.19", "20"],
    ["20.x", "20"],
    [">=18", "24"],
    [">=18.0.0 <21", "20"],
    ["18 || 20", "20"],
    ["18 - 20", "20"],
    ["<=22", "22"],
    [">20", "24"],
    ["~23.1", "23"],
    ["*", "24"],
    ["v22.1.0", "22"],
    ["nonsense", "24"],
  ])("engines %j is Node %s", async (node, version) => {
    expect(
      (await first({ "package.json": json({ main: "x.js", engines: { node } }), "x.js": "" })).values.version,
    ).toBe(version);
  });

  it("takes .nvmrc before engines", async () => {
    const files = { "package.json": json({ engines: { node: "22" } }), ".nvmrc": "v20.11.1\n", "index.js": "" };
    expect((await first(files)).values.version).toBe("20");
  });

  it.each([
    ["lts/iron", "20"],
    ["lts/Jod\n", "22"],
    ["lts/*", "18"],
    ["node", "18"],
    ["20", "20"],
  ])("reads %s in .nvmrc as Node %s, and engines where it names no version", async (nvmrc, version) => {
    const files = { "package.json": json({ engines: { node: "18" } }), ".nvmrc": nvmrc, "index.js": "" };
    expect((await first(files)).values.version).toBe(version);
  });

  it.each([".yarn/releases/yarn-4.1.0.cjs", ".yarn/plugins/@yarnpkg/plugin-x.cjs", ".yarn/patches/left-pad.patch"])(
    "takes %s along to the installation",
    async (file) => {
      const files = { "package.json": json({ packageManager: "yarn@4.1.0" }), "yarn.lock": "", ".yarnrc.yml": "" };
      expect((await first({ ...files, [file]: "" })).values.yarn).toBe("yes");
    },
  );

  it.each([
    [{ "pnpm-lock.yaml": "" }, {}, /^pnpm install --frozen-lockfile$/, "corepack enable"],
    [{ "yarn.lock": "" }, {}, /^yarn install --frozen-lockfile$/, ""],
    [{ "yarn.lock": "", ".yarnrc.yml": "" }, {}, /^yarn install --immutable$/, expect.stringMatching(/node-modules/)],
    [{ "package-lock.json": "" }, {}, /^npm ci/, ""],
    [{}, {}, /^npm install/, ""],
    [{ "package-lock.json": "" }, { packageManager: "pnpm@9.1.0+sha512.abc" }, /^pnpm install$/, "corepack enable"],
    [{}, { packageManager: "yarn@4.1.0" }, /--immutable/, expect.stringMatching(/corepack/)],
    [{}, { packageManager: "; rm -rf /@1" }, /^npm install --no-audit --no-fund$/, ""],
  ])("installs by the package manager of %j %j", async (files, fields, install, prepare) => {
    const { values } = await first({
      "package.json": json({ scripts: { build: "tsc", start: "node dist/main.js" }, ...fields }),
      "src/main.ts": "",
      ...files,
    });
    expect(values.install).toMatch(install);
    expect(values.prepare).toEqual(prepare);
    expect(values.prune).not.toBe("");
  });

  // Node 25 comes without corepack, and its images from 26 on without yarn.
  it.each([
    ["24", { "pnpm-lock.yaml": "" }, "corepack enable"],
    ["25", { "pnpm-lock.yaml": "" }, "npm install --global --force corepack && corepack enable"],
    [
      "26",
      { "yarn.lock": "", ".yarnrc.yml": "" },
      /^npm install --global --force corepack && corepack enable && yarn /,
    ],
    ["25", { "yarn.lock": "" }, ""],
    ["26", { "yarn.lock": "" }, "npm install --global yarn@1"],
    ["26", { "package-lock.json": "" }, ""],
  ])("on Node %s with %j brings along what the image lacks", async (version, files, prepare) => {
    const { values } = await first({ "package.json": json({ main: "a.js" }), "a.js": "", ".nvmrc": version, ...files });
    expect(values.prepare).toEqual(typeof prepare === "string" ? prepare : expect.stringMatching(prepare));
  });

  it("finds port and health in what the program was compiled from", async () => {
    const found = await first({
      "package.json": json({ scripts: { build: "tsc", start: "node dist/main" } }),
      "src/main.ts": 'const { PORT = "5005" } = process.env;\nserver.get("/livez");',
    });
    expect([found.port, found.health]).toEqual([5005, { path: "/livez" }]);
  });

  it("does not take a database's port, or a router's path, for its own", async () => {
    const found = await first({
      "package.json": json({ main: "server.js" }),
      "server.js": 'new Pool({ port: 5432 });\nrouter.get("/health");\napp.listen(3456);\n',
    });
    expect([found.port, found.health]).toEqual([3456, "port"]);
  });

  it.each([
    [{ start: "node ." }, '["node","."]'],
    [{ start: "NODE_ENV=production node dist/x.js" }, '["node","dist/x.js"]'],
    [{ start: "nest start", "start:prod": "node dist/main" }, '["node","dist/main"]'],
    [{ start: "next start -p 3003" }, '["node_modules/.bin/next","start","-p","3003"]'],
    [{ start: "node a.js && node b.js" }, '["npm","start"]'],
    [{ "start:prod": "FOO=1 node a.js" }, '["npm","run","start:prod"]'],
    [{ start: 'node "$(rm -rf /)"' }, '["npm","start"]'],
  ])("starts %j as %s", async (scripts, command) => {
    const files = { "package.json": json({ scripts, dependencies: { next: "14" } }) };
    expect((await first(files)).values.command).toBe(command);
  });

  it.each([
    [{ vite: "5" }, {}, "dist"],
    [{ vite: "5" }, { "vite.config.ts": 'export default { build: { outDir: "./www" } }' }, "www"],
    [{ vite: "5" }, { "vite.config.ts": 'export default { build: { outDir: "../../etc" } }' }, "dist"],
    [{ "react-scripts": "5" }, {}, "build"],
    [{ astro: "4", vite: "5" }, {}, "dist"],
    [{ next: "14" }, { "next.config.mjs": 'export default { output: "export" }' }, "out"],
    [{ "@sveltejs/kit": "2", "@sveltejs/adapter-static": "3", vite: "5" }, {}, "build"],
  ])("serves what %j %j builds from %s", async (devDependencies, files, folder) => {
    const scripts = { dev: "vite", start: "vite preview", build: "whatever build" };
    const found = await first({ "package.json": json({ scripts, devDependencies }), "index.html": "", ...files });
    expect([found.kind, found.values.folder]).toEqual(["node-static", folder]);
  });

  it.each([
    [{ next: "14" }, '["node_modules/.bin/next","start"]'],
    [{ nuxt: "3" }, '["node",".output/server/index.mjs"]'],
    [{ "@sveltejs/adapter-node": "5", vite: "5" }, '["node","build"]'],
  ])("starts the server that %j builds", async (dependencies, command) => {
    const found = await first({ "package.json": json({ scripts: { build: "x build" }, dependencies }) });
    expect([found.kind, found.values.command]).toEqual(["node", command]);
  });

  it("copies everything before the installation where that depends on more than manifests", async () => {
    const copied = async (fields: object, files = {}) =>
      (await first({ "package.json": json({ main: "a.js", ...fields }), "a.js": "", ...files })).values.manifests;
    expect(await copied({})).toBe("package.json");
    expect(await copied({ workspaces: ["packages/*"] })).toBe(".");
    expect(await copied({ scripts: { postinstall: "prisma generate" } })).toBe(".");
    expect(await copied({}, { "patches/x.patch": "" })).toBe(".");
    expect(await copied({}, { "pnpm-workspace.yaml": "packages:\n  - a\n" })).toBe(".");
  });

  it.each<[files: Record<string, string>, fields: object, told: string[]]>([
    [{}, { dependencies: { a: "1" } }, ["no lock file: each build installs the newest that package.json allows"]],
    [{ "bun.lock": "{}" }, { dependencies: { a: "1" } }, ["bun.lock is not read: the Dockerfile installs with npm"]],
    [{ "bun.lock": "{}", "package-lock.json": "{}" }, { dependencies: { a: "1" } }, []],
    [{ "pnpm-lock.yaml": "" }, { devDependencies: { a: "1" } }, []],
    [{}, {}, []],
  ])("tells what no lock file holds still: %j %j", async (files, fields, told) => {
    const { notes } = await first({ "package.json": json({ main: "a.js", ...fields }), "a.js": "", ...files });
    expect(notes).toEqual(told.map((start) => expect.stringMatching(start)));
  });

  it("does not run a developer's `prepare` where its packages are left out", async () => {
    const files = { "package.json": json({ main: "a.js", scripts: { prepare: "husky" } }), "a.js": "" };
    expect((await first(files)).values.install).toMatch(/^npm pkg delete scripts.prepare && npm install/);
  });

  it.each(["", "{", "[]", "null", '"x"', '{"scripts":[]}', '{"scripts":{"start":7},"main":{},"engines":"x"}'])(
    "makes something of the package.json %j, and a note",
    async (text) => {
      const { kind, notes } = await first({ "package.json": text });
      expect(kind).toBe("node");
      expect(notes).toEqual([expect.stringMatching(/no script "start"/)]);
    },
  );
});

describe("Python", () => {
  it.each([
    [
      { "requirements.txt": "fastapi==0.110\nuvicorn[standard]\n", "main.py": "app = FastAPI()\n" },
      ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "{{port}}"],
      0,
    ],
    [
      { "requirements.txt": "fastapi\n", "app/main.py": "api: FastAPI = FastAPI(title='x')\n" },
      ["uvicorn", "app.main:api", "--host", "0.0.0.0", "--port", "{{port}}"],
      1,
    ],
    [
      { "requirements.txt": "Flask\ngunicorn\n", "app.py": "from flask import Flask\nweb = Flask(__name__)\n" },
      ["gunicorn", "--bind", "0.0.0.0:{{port}}", "app:web"],
      0,
    ],
    [
      { "requirements.txt": "flask\n", "src/shop/__init__.py": "app = flask.Flask(__name__)\n" },
      ["flask", "--app", "shop:app", "run", "--host", "0.0.0.0", "--port", "{{port}}"],
      1,
    ],
    [
      {
        "requirements.txt": "Django\ngunicorn\n",
        "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")',
        "site1/wsgi.py": "",
      },
      ["gunicorn", "--bind", "0.0.0.0:{{port}}", "site1.wsgi"],
      1,
    ],
    [{ "requirements.txt": "", "server.py": "print(1)" }, ["python3", "server.py"], 0],
    [{ "pyproject.toml": "[project]\n", "shop/__main__.py": "" }, ["python3", "-m", "shop"], 0],
    [{ "requirements.txt": "" }, ["python3", "main.py"], 1],
    [{ "requirements.txt": "pytest-flask\n", "main.py": "" }, ["python3", "main.py"], 0],
  ])("starts %j as %j", async (files: Record<string, string>, command, notes) => {
    const found = await first(files);
    expect(JSON.parse(found.values.command ?? "")).toEqual(command);
    expect(found.notes).toHaveLength(notes);
  });

  it.each([
    [{ "requirements.txt": "flask==3\n# -r other\n" }, "requirements.txt", /^pip install -r/],
    [{ "requirements.txt": "-r requirements/base.txt\n" }, ".", /^pip install -r/],
    [{ "requirements.txt": "-e .\n" }, ".", /^pip install -r/],
    [{ "requirements.txt": "./wheels/x.whl\n" }, ".", /^pip install -r/],
    [{ "pyproject.toml": "[project]\n", "uv.lock": "" }, "pyproject.toml uv.lock", /uv sync --frozen/],
    [
      { "pyproject.toml": "[tool.poetry]\n", "poetry.lock": "" },
      "pyproject.toml poetry.lock",
      /poetry install --only main --no-root/,
    ],
    [{ "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n', "uv.lock": "" }, ".", /uv sync/],
    [{ "pyproject.toml": '[tool.uv.sources]\nlog = { path = "log" }\n', "uv.lock": "" }, ".", /uv sync/],
    [
      { "pyproject.toml": '[tool.poetry.dependencies]\nlog = {path = "./log", develop = true}\n', "poetry.lock": "" },
      ".",
      /poetry install/,
    ],
    [
      { "pyproject.toml": '[tool.hatch.version]\npath = "src/shop/__about__.py"\n', "uv.lock": "" },
      "pyproject.toml uv.lock",
      /uv sync/,
    ],
    [{ Pipfile: '[packages]\nshop = {editable = true, path = "."}\n', "Pipfile.lock": "{}" }, ".", /pipenv install/],
    [{ Pipfile: "", "Pipfile.lock": "{}" }, "Pipfile Pipfile.lock", /pipenv install --deploy/],
    [{ "pyproject.toml": '[project]\ndependencies = ["flask"]\n' }, "pyproject.toml", /tomllib/],
    [{ "pyproject.toml": "[tool.black]\n", "main.py": "" }, "", /^$/],
    [{ "main.py": "" }, "", /^$/],
  ])("installs %j from %j", async (files: Record<string, string>, copied, install) => {
    const { values } = await first(files);
    expect(values.manifests).toBe(copied);
    expect(values.install).toMatch(install);
  });

  it.each([
    [{ ".python-version": "3.12.4\n" }, "3.12"],
    [{ "runtime.txt": "python-3.11.9" }, "3.11"],
    [{ "pyproject.toml": '[project]\nrequires-python = ">=3.10"\n' }, "3"],
    [{ "pyproject.toml": '[project]\nrequires-python = "~=3.11"\n' }, "3.11"],
    [{ "pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n' }, "3.12"],
    [{ "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.10"\n' }, "3"],
    [{}, "3"],
  ])("%j is Python %s", async (files: Record<string, string>, version) => {
    expect((await first({ "main.py": "", ...files })).values.version).toBe(version);
  });

  it.each([
    [{ "pyproject.toml": '[tool.poetry.dependencies]\nflask = "^3"\n' }, ["no poetry.lock: "]],
    [{ Pipfile: '[packages]\nflask = "*"\n' }, ["no Pipfile.lock: "]],
    [{ "pyproject.toml": '[tool.poetry.dependencies]\nflask = "^3"\n', "poetry.lock": "" }, []],
    [{ Pipfile: '[packages]\nflask = "*"\n', "requirements.txt": "flask\n" }, []],
  ])("tells where nothing is installed for want of a lock file: %j", async (files, told) => {
    const { notes } = await first({ ...files, "main.py": "import flask\napp = 1\n" });
    const about = notes.filter((note) => note.startsWith("no "));
    expect(about).toEqual(told.map((beginning) => expect.stringContaining(beginning)));
  });

  it("reads a plain script's port and health", async () => {
    const found = await first({
      "main.py": 'if self.path == "/health": pass\nHTTPServer(("", 8123), H).serve_forever()\n',
    });
    expect([found.port, found.health]).toEqual([8123, { path: "/health" }]);
    const other = await first({ "main.py": 'port = int(os.environ.get("PORT", "8124"))\n' });
    expect(other.port).toBe(8124);
  });
});

describe("Go", () => {
  const main =
    'package main\nfunc main() {\n\thttp.HandleFunc("GET /healthz", ok)\n\thttp.ListenAndServe(":9090", nil)\n}\n';

  it("reads version, program, port and health", async () => {
    const found = await first({ "go.mod": "module example.com/shop\n\ngo 1.22\n", "go.sum": "", "main.go": main });
    expect(found).toMatchObject({ port: 9090, health: { path: "/healthz" } });
    expect(found.values).toEqual({ version: "1.22", target: ".", manifests: "go.mod go.sum" });
  });

  it.each([
    { "go.mod": "module shop\ngo 1.22\n", "go.work": "go 1.22\nuse (\n\t.\n\t./lib\n)\n" },
    { "go.mod": "module shop\ngo 1.22\nrequire x/lib v0.0.0\nreplace x/lib => ./lib\n" },
    { "go.mod": "module shop\ngo 1.22\nreplace (\n\tx/lib v0.0.0 => ./lib\n)\n" },
  ])("copies everything before modules are fetched where some stand in the folder itself: %j", async (files) => {
    const found = await first({ ...files, "go.sum": "", "main.go": main, "lib/go.mod": "module x/lib\n" });
    expect(found.values.manifests).toBe("");
  });

  it("builds the one of several programs that has the module's name", async () => {
    const found = await first({
      "go.mod": "module example.com/shop/v2\ngo 1.22\ntoolchain go1.23.1\n",
      "cmd/admin/main.go": main,
      "cmd/shop/main.go": main,
      "cmd/$(reboot)/main.go": main,
      "lib.go": "package shop\n",
      "vendor/modules.txt": "",
    });
    expect(found.values).toMatchObject({ target: "./cmd/shop", manifests: "" });
    expect(found.notes).toEqual(["several programs (cmd/admin, cmd/shop): the Dockerfile builds cmd/shop"]);
  });
});

describe("Java", () => {
  it("reads Maven's version, Spring's port and actuator", async () => {
    const found = await first({
      "pom.xml":
        "<project><properties><java.version>17</java.version></properties><artifactId>spring-boot-starter-actuator</artifactId></project>",
      "src/main/resources/application.properties": "server.port=${PORT:8090}\n",
    });
    expect(found).toMatchObject({ port: 8090, health: { path: "/actuator/health" } });
    expect(found.values).toMatchObject({ version: "17", builder: "maven:3-eclipse-temurin-17", manifests: "pom.xml" });
  });

  it.each([
    ["java { toolchain { languageVersion = JavaLanguageVersion.of(21) } }", "21"],
    ["sourceCompatibility = '1.8'", "8"],
    ["sourceCompatibility = JavaVersion.VERSION_19", "21"],
    ["kotlin { jvmToolchain(11) }", "11"],
    ["", "21"],
  ])("reads Gradle's version in %j", async (text, version) => {
    const found = await first({
      "build.gradle": text,
      "src/main/resources/application.yml": "spring:\n  x: 1\nserver:\n  port: 8091\n",
    });
    expect([found.values.version, found.values.builder, found.port]).toEqual([version, `gradle:jdk${version}`, 8091]);
  });
});

describe("Rust", () => {
  it("reads binary, port and lock file", async () => {
    const found = await first({
      "Cargo.toml":
        '[package]\nname = "shop"\nedition = "2021"\n\n[[bin]]\npath = "src/main.rs"\nname = "shop-server"\n',
      "Cargo.lock": "",
      "src/main.rs": 'TcpListener::bind("0.0.0.0:3001").await',
      "rust-toolchain.toml": '[toolchain]\nchannel = "1.79.0"\n',
    });
    expect(found.port).toBe(3001);
    expect(found.values).toEqual({ version: "1.79.0", binary: "shop-server", locked: " --locked", openssl: "" });
  });

  it.each([
    [["openssl-sys"], "libssl3"],
    // Compiled with the program, and a part of it.
    [["openssl-src", "openssl-sys"], ""],
    [["openssl-probe", "rustls"], ""],
  ])("brings the library along that %j is linked with", async (crates, library) => {
    const lock = crates.map((name) => `[[package]]\nname = "${name}"\nversion = "1.0.0"\n`).join("\n");
    const found = await first({ "Cargo.toml": '[package]\nname = "a"', "Cargo.lock": lock, "src/main.rs": "" });
    expect(found.values.openssl).toBe(library);
  });

  it.each([
    [{ "Cargo.toml": '[package]\nname = "shop"\n', "src/lib.rs": "", "src/bin/server.rs": "" }, "server"],
    [{ "Cargo.toml": '[package]\nname = "shop"\n', "src/bin/web/main.rs": "" }, "web"],
    [{ "Cargo.toml": '[package]\nname = "shop"\n', "src/main.rs": "", "src/bin/tool.rs": "" }, "shop"],
    [
      {
        "Cargo.toml": '[package]\nname = "shop"\n[workspace]\nmembers = ["crates/*"]\n',
        "src/lib.rs": "",
        "crates/api/Cargo.toml": '[package]\nname = "api"\n',
        "crates/api/src/bin/serve.rs": "",
      },
      "serve",
    ],
  ])("runs the binary that Cargo finds by its place: %j", async (files, binary) => {
    expect((await first(files)).values.binary).toBe(binary);
  });

  it("tells of the others where a package has several binaries", async () => {
    const files = { "Cargo.toml": '[package]\nname = "shop"\n', "src/bin/a.rs": "", "src/bin/b.rs": 'bind(":3003")' };
    const found = await first({ ...files, "Cargo.lock": "" });
    expect([found.values.binary, found.notes]).toEqual(["a", ["several programs (a, b): the Dockerfile runs a"]]);
  });

  it("finds a workspace's program", async () => {
    const found = await first({
      "Cargo.toml": '[workspace]\nmembers = ["lib", "crates/*"]\n',
      "lib/Cargo.toml": '[package]\nname = "lib"\n',
      "crates/web/Cargo.toml": '[package]\nname = "web"\n',
      "crates/web/src/main.rs": "SocketAddr::from(([0, 0, 0, 0], 3002))",
    });
    expect([found.port, found.values.binary, found.values.locked]).toEqual([3002, "web", ""]);
    expect(found.notes).toEqual([expect.stringMatching(/Cargo.lock/)]);
  });
});

it("a static site is served from where its page is", async () => {
  expect(await first({ "public/index.html": "", "index.html": "" })).toMatchObject({
    kind: "static",
    health: { path: "/" },
    values: { folder: "public" },
  });
  expect((await first({ "index.html": "" })).values.folder).toBe(".");
});
