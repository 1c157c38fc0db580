import { symlink } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { explain } from "../../src/dev/explain.ts";
import type { ObservedImage } from "../../src/engine/engine.ts";
import type { Environment } from "../../src/environment/model.ts";
import { type Content, Folder } from "../build/folder.ts";
import { environment, stage } from "../plan/world.ts";

const files: Readonly<Record<string, Content>> = {
  "envctl.yaml": "name: shop\n",
  "app/Dockerfile":
    'FROM node:20\nWORKDIR /app\nCOPY package.json .\nRUN npm ci\nCOPY . .\nCOPY prod.json config.json\nUSER node\nCMD ["npm", "start"]\n',
  "app/.dockerignore": "*.log\n",
  "app/package.json": '{ "scripts": { "start": "node --watch server.js" } }',
  "app/server.js": { text: "serve()", mode: 0o750 },
  "app/config.json": "{}",
  "app/prod.json": "{}",
  "app/src/a.js": "a",
  "app/src/b.log": "b",
  "app/error.log": "",
};

async function explainIn(
  folder: Folder,
  path: string,
  changes: { built?: ObservedImage; from?: string; onBuild?: readonly string[] } = {},
) {
  const world = environment([]);
  const here: Environment = {
    ...world,
    file: folder.join("envctl.yaml"),
    directory: folder.path,
    image: { ...world.image, context: folder.join("app"), dockerfile: folder.join("app/Dockerfile") },
    envFiles: [folder.join("dev.env")],
  };
  let asked = 0;
  const found = await explain({
    environment: here,
    stage: stage(),
    path,
    directory: folder.join(changes.from ?? "app"),
    findBuilt: async () => {
      asked += 1;
      return changes.built;
    },
    readTriggers: async (names) =>
      new Map(changes.onBuild ? names.map((name) => [name, changes.onBuild ?? []] as const) : []),
  });
  return { ...found, asked };
}

describe("what a change of a path would do", () => {
  it("of a file that is copied", async () => {
    await using folder = await Folder.of(files);
    expect(await explainIn(folder, "server.js")).toEqual({
      path: "server.js",
      kind: "file",
      action: "sync",
      why: expect.stringMatching(/only copied/),
      at: "app/Dockerfile:5",
      targets: [{ path: "/app/server.js", owner: "0:0", mode: "0750" }],
      run: [],
      restart: "no restart: `npm start` looks at its files itself",
      contents: undefined,
      notes: [],
      // The Dockerfile says all there is to say: no engine is asked.
      asked: 0,
    });
  });

  it("of a file in whose place another stands", async () => {
    await using folder = await Folder.of(files);
    expect((await explainIn(folder, "config.json")).notes).toEqual([
      "prod.json takes its place at /app/config.json: a change does nothing there",
    ]);
  });

  it.each([
    ["package.json", "rebuild", /npm ci/],
    ["Dockerfile", "rebuild", /the Dockerfile/],
    [".dockerignore", "rebuild", /what belongs to the build context/],
    ["error.log", "ignore", /\.dockerignore leaves it out/],
    ["../envctl.yaml", "ignore", /reads it again/],
    ["../.env", "ignore", /reads it again/],
    ["../dev.env", "ignore", /reads it again/],
    ["../elsewhere/x", "ignore", /outside of the build context/],
    ["/etc/hostname", "ignore", /outside of the build context/],
  ])("of %s", async (path, action, why) => {
    await using folder = await Folder.of(files);
    expect(await explainIn(folder, path)).toMatchObject({ action, why: expect.stringMatching(why) });
  });

  it("of what is not there, by whichever way it is named", async () => {
    await using folder = await Folder.of(files);
    const missing = await explainIn(folder, folder.join("app/src/new.js"));
    expect(missing).toMatchObject({ path: "src/new.js", kind: "missing", action: "sync" });
    expect(missing.notes.join()).toMatch(/nothing is there now/);
    expect(missing.targets).toEqual([{ path: "/app/src/new.js", owner: "0:0", mode: undefined }]);
    await symlink("app", folder.join("link"));
    expect(await explainIn(folder, "link/src/a.js", { from: "." })).toMatchObject({ path: "src/a.js", kind: "file" });
  });

  it("of a folder: what becomes of the files in it", async () => {
    await using folder = await Folder.of(files);
    expect(await explainIn(folder, "src")).toMatchObject({ kind: "directory", action: "sync", contents: { sync: 2 } });
    expect((await explainIn(folder, ".")).contents).toEqual({ sync: 5, rebuild: 3 });
  });

  it("sees through what its base image adds", async () => {
    await using folder = await Folder.of({ ...files, "app/Dockerfile": 'FROM example\nCMD ["nginx"]\n' });
    const found = await explainIn(folder, "server.js", { onBuild: ["COPY . /srv"] });
    expect(found).toMatchObject({ action: "sync", targets: [{ path: "/srv/server.js" }], at: "app/Dockerfile:1" });
    expect((await explainIn(folder, "server.js")).why).toMatch(/whether example does by ONBUILD is not known/);
  });

  it("asks for the image where only that tells, and says so where there is none", async () => {
    const dockerfile = "FROM example\nCOPY server.js .\n";
    await using folder = await Folder.of({ ...files, "app/Dockerfile": dockerfile });
    const unknown = await explainIn(folder, "server.js");
    expect(unknown).toMatchObject({ action: "rebuild", asked: 1, why: expect.stringMatching(/WORKDIR is not known/) });
    expect(unknown.notes.join()).toMatch(/no image of it was found/);
    const built = { workdir: "/srv", env: {}, command: ["nginx"], entrypoint: undefined } as unknown as ObservedImage;
    expect(await explainIn(folder, "server.js", { built })).toMatchObject({
      action: "sync",
      targets: [{ path: "/srv/server.js" }],
      restart: "no restart: `nginx` hands out files as they are",
    });
  });
});
