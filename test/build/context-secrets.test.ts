import { expect, it } from "vitest";
import { listContext } from "../../src/build/context.ts";
import { requireNoSecrets } from "../../src/build/context-secrets.ts";
import { Folder } from "./folder.ts";

const files = {
  Dockerfile: "FROM scratch\nCOPY . /\n",
  ".envctl/keys/ada.pub": "",
  ".envctl/secrets.env": "TOKEN=hunter2\n",
  "shop/.envctl/secrets.prod.env": "TOKEN=hunter2\n",
  "secrets.env": "",
};

async function check(folder: Folder): Promise<void> {
  requireNoSecrets(await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") }));
}

it("a build context with files of secrets in it is refused, with the lines that leave them out", async () => {
  await using folder = await Folder.of(files);
  await expect(check(folder)).rejects.toMatchObject({
    code: "secrets-in-context",
    exitCode: 2,
    message: ".envctl/secrets.env has secrets in it and belongs to the build context: COPY could put it into the image",
    evidence: ["shop/.envctl/secrets.prod.env"],
    state: "nothing was built",
    next: `add to ${folder.join(".dockerignore")}: .envctl, shop/.envctl`,
  });
  await folder.write(".dockerignore", "**/.envctl\n");
  await expect(check(folder)).resolves.toBeUndefined();
  await folder.write(".dockerignore", "**/.envctl\n!.envctl/secrets.env\n");
  await expect(check(folder)).rejects.toMatchObject({ evidence: [] });
});
