import { chmod, lstat, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, it } from "vitest";
import { Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Sandbox } from "./sandbox.ts";
import { Synced } from "./synced.ts";

/** Few names, so that they meet: kinds swap, cases differ, ignored ones come and go. */
const names = ["a", "A", "b.log", "sp ace", "ünï😀", "-x", "new\nline", "dir"];
const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

type Action =
  | { readonly do: "write" | "atomic" | "link"; readonly path: string; readonly text: string }
  | { readonly do: "remove" | "mkdir"; readonly path: string }
  | { readonly do: "mode"; readonly path: string; readonly mode: number }
  | { readonly do: "move"; readonly path: string; readonly to: string }
  | { readonly do: "ignore"; readonly text: string }
  | { readonly do: "pause"; readonly milliseconds: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("write" as const, "atomic" as const), path, text: fc.string() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), path }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("move" as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mkdir" as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("link" as const), path, text: fc.constantFrom("a", "../b.log", "/etc") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("mode" as const), path, mode: fc.constantFrom(0o755, 0o600, 0o700) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("ignore" as const),
      text: fc.constantFrom("", "*.log\n", "dir\n", "dir\n!dir/a\n"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pause" as const), milliseconds: fc.integer({ min: 0, max: 30 }) }),
  },
);

/** What cannot be done, such as a write below a file, is left undone. */
async function perform(folder: Folder, step: Action): Promise<void> {
  try {
    switch (step.do) {
      case "write":
        await mkdir(dirname(folder.join(step.path)), { recursive: true });
        // Never through a link, which may lead anywhere.
        if (!(await lstat(folder.join(step.path)).catch(() => undefined))?.isSymbolicLink()) {
          await writeFile(folder.join(step.path), step.text);
        }
        return;
      case "atomic":
        await writeFile(folder.join(".swp"), step.text);
        return await rename(folder.join(".swp"), folder.join(step.path));
      case "link":
        return await symlink(step.text, folder.join(step.path));
      case "remove":
        return await rm(folder.join(step.path), { recursive: true });
      case "mkdir":
        await mkdir(folder.join(step.path), { recursive: true });
        return;
      case "mode":
        if (!(await lstat(folder.join(step.path))).isSymbolicLink()) await chmod(folder.join(step.path), step.mode);
        return;
      case "move":
        return await rename(folder.join(step.path), folder.join(step.to));
      case "ignore":
        return await writeFile(folder.join(".dockerignore"), step.text);
      case "pause":
        await new Promise((resolve) => setTimeout(resolve, step.milliseconds));
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const usual = ["ENOENT", "EEXIST", "EISDIR", "ENOTDIR", "ENOTEMPTY", "EINVAL", "ELOOP", "EBUSY"];
    if (!usual.includes(String(code))) throw error;
  }
}

describeLab("after any storm of changes the container holds what is on disk", () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await Sandbox.open(await useLab());
    for (const image of ["busybox:latest", "node:20-slim"]) await sandbox.docker("pull", "-q", image);
  });
  afterAll(async () => await sandbox.cleanUp());

  it.each(["busybox:latest", "node:20-slim"])(
    "in %s: creates, edits, renames, deletes, folder moves, links, modes, ignored and un-ignored, kinds that swap",
    async (image) => {
      await using folder = await Folder.of({ Dockerfile: "FROM scratch\n" });
      const id = await sandbox.run(image, "sleep", "1000");
      await sandbox.docker("exec", id, "mkdir", "/app");
      await using synced = await Synced.of(sandbox, folder, id);
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (storm) => {
          for (const step of storm) await perform(folder, step);
          await synced.converged();
        }),
        { numRuns: 25, endOnFailure: true, interruptAfterTimeLimit: 60_000 },
      );
    },
    120_000,
  );
});
