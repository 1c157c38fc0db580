import { describe, expect, it } from "vitest";
import { readPins } from "../../src/promotion/pins.ts";
import { Folder } from "../build/folder.ts";

describe("a lock file", () => {
  it.each([
    ["with what git leaves of a conflict", "services:\n<<<<<<< HEAD\n  db: {}\n=======\n  db: {}\n>>>>>>> x\n", ":2:1"],
    ["with an entry twice", "services: {}\nservices: {}\n", ":2:1"],
    ["with an alias", "services: &a {}\nproxies: *a\n", ""],
  ])("%s is an error for people, with its place", async (_, text, place) => {
    await using folder = await Folder.of({ "envctl.lock": text });
    await expect(readPins(folder.path)).rejects.toMatchObject({
      code: "lock-file-invalid",
      exitCode: 2,
      where: `${folder.join("envctl.lock")}${place}`,
    });
  });
});
