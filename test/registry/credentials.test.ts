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

it.each([
  ["a colon alone, of variables that were not set", { auth: Buffer.from(":").toString("base64") }],
  ["a user without a password", { auth: Buffer.from("me:").toString("base64") }],
  ["an empty user and password", { username: "", password: "" }],
])("are nobody's where the file has %s", async (_, entry) => {
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { "x.example": entry } }));
  expect(await credentialsFor("x.example", { DOCKER_CONFIG: folder })).toBeUndefined();
});

it("come from `auth` where a user and a password beside it are empty", async () => {
  const entry = { username: "", password: "", auth: Buffer.from("me:secret").toString("base64") };
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { "x.example": entry } }));
  const found = await credentialsFor("x.example", { DOCKER_CONFIG: folder });
  expect(found).toEqual({ username: "me", password: "secret" });
});
