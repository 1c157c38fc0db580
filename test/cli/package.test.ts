import { readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { folder, root } from "./command.ts";

it("is packed, installed into an empty folder, and runs there", async () => {
  const place = folder();
  // The bundle is made by `npm test`; making it again here would pull it away from under other tests.
  await execa("npm", ["pack", "--ignore-scripts", "--pack-destination", place], { cwd: root });
  const archive = readdirSync(place).find((name) => name.endsWith(".tgz")) ?? "";
  const prefix = join(place, "installed");
  await execa("npm", ["install", "--global", "--prefix", prefix, "--offline", "--no-audit", join(place, archive)], {
    cwd: place,
  });
  const program = join(prefix, "bin/envctl");
  expect((await execa(program, ["--version"])).stdout).toBe("0.1.0");
  const project = join(place, "my shop");
  await execa("mkdir", [project]);
  await execa("bash", ["-c", "echo hello > index.html"], { cwd: project });
  await execa(program, ["init", "--yes"], { cwd: project });
  expect((await execa(program, ["validate"], { cwd: project })).stdout).toMatch(/my-shop with dev/);
  const files = readdirSync(join(prefix, "lib/node_modules/envctl"));
  expect(files.sort()).toEqual(["LICENSE", "README.md", "dist", "package.json", "schemas", "templates"]);
}, 60_000);
