import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { credentialsFor } from "../../src/registry/credentials.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "envctl-credentials-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("come from the file where an empty name of a helper says that none is asked", async () => {
  const auths = { "x.example": { auth: Buffer.from("me:secret").toString("base64") } };
  const config = { auths, credsStore: "absent", credHelpers: { "x.example": "" } };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const variables = { DOCKER_CONFIG: folder, PATH: folder };
  expect(await credentialsFor("x.example", variables)).toEqual({ username: "me", password: "secret" });
  await expect(credentialsFor("y.example", variables)).rejects.toMatchObject({ code: "credential-helper-missing" });
});
