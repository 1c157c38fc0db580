import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readSyncedMarker } from "../../src/dev/synced-marker.ts";
import { Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { expectedListing, Pair, Sandbox } from "./sandbox.ts";

describeLab("a container's tree", () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await Sandbox.open(await useLab());
    await sandbox.docker("pull", "-q", "busybox:latest");
    await sandbox.docker("pull", "-q", "node:20-slim");
  });
  afterAll(async () => await sandbox.cleanUp());

  const images = [
    ["busybox", async () => ["busybox:latest", "sleep", "1000"]],
    ["node:20-slim, with GNU tools", async () => ["node:20-slim", "sleep", "1000"]],
    ["scratch, without a shell (no tar)", async () => [await sandbox.scratchImage()]],
    ["a numeric USER", async () => ["--user", "1234:2345", "busybox:latest", "sleep", "1000"]],
  ] as const;

  it.each(images)(
    "holds what it should in %s: mixed paths, modes, links, deletions, other kinds",
    async (_name, image) => {
      const long = `long ${"n".repeat(120)}/${"m".repeat(130)}.txt`;
      await using folder = await Folder.of({
        Dockerfile: "FROM scratch\n",
        "a.txt": "one\n",
        empty: "",
        "-rf": "a leading dash\n",
        "sp ace/ünï 😀.txt": "unicode\n",
        "new\nline": "newline\n",
        "quote'\"\\$HOME": "quotes\n",
        "bin/run": { text: "#!/bin/sh\n", mode: 0o755 },
        "secret/key": { text: "key\n", mode: 0o600 },
        link: { link: "a.txt" },
        "deep/er/broken": { link: `../../${"x".repeat(150)}` },
        [long]: "long\n",
      });
      const pair = await Pair.of(folder);
      const id = await sandbox.run(...(await image()));
      const tree = await sandbox.tree(id, { root: folder.path });
      const same = async () => {
        const desired = await pair.desired();
        const report = await tree.reconcile(desired);
        expect(report.refused).toEqual([]);
        expect(await sandbox.list(id, "/app")).toEqual(expectedListing(desired, "/app"));
        return report;
      };
      try {
        expect((await same()).written.length).toBeGreaterThan(10);
        expect(await same()).toMatchObject({ written: [], removed: [], bytes: 0 });
        await writeFile(folder.join("a.txt"), "two\n");
        await chmod(folder.join("bin/run"), 0o700);
        await rm(folder.join("-rf"));
        await rm(folder.join("new\nline"));
        await rename(folder.join("deep"), folder.join("deeper"));
        expect((await same()).written.toSorted()).toEqual(
          ["/app/a.txt", "/app/bin/run", "/app/deeper", "/app/deeper/er", "/app/deeper/er/broken"].toSorted(),
        );
        // A file where a folder was, a folder where a link was, a link where a file was.
        await rm(folder.join("secret"), { recursive: true });
        await writeFile(folder.join("secret"), "no folder\n");
        await rm(folder.join("link"));
        await folder.write("link/inside", "folder\n");
        await rm(folder.join("empty"));
        await folder.write("empty", { link: "a.txt" });
        await rename(folder.join("a.txt"), folder.join("A.TXT"));
        await same();
        await rm(folder.join("empty"));
        await folder.write("empty", "file again\n");
        await same();
        // What the container made is its own; the folder is told of once.
        await folder.write("up loads/deep/sent", "sent\n");
        await same();
        await sandbox.engine.writeFiles(id, [{ path: "/app/up loads/deep/own", content: "own\n" }]);
        await rm(folder.join("up loads"), { recursive: true });
        const desired = await pair.desired();
        expect(await tree.reconcile(desired)).toMatchObject({
          kept: ["/app/up loads"],
          removed: ["/app/up loads/deep/sent"],
        });
        expect(await tree.reconcile(desired)).toMatchObject({ kept: [], removed: [] });
        expect(Object.keys(await sandbox.list(id, "/app/up loads"))).toEqual([
          "/app/up loads/deep",
          "/app/up loads/deep/own",
        ]);
        expect(await readSyncedMarker(sandbox.engine, id)).toEqual({
          changed: Object.keys(expectedListing(await pair.desired(), "/app")).sort(),
          removed: [],
        });
      } finally {
        await tree.close();
      }
      expect(await sandbox.docker("top", id)).not.toContain("envctl");
    },
  );
});
