import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { resolveSecrets } from "../../src/secrets/resolve.ts";

let directory: string;
const path = { PATH: process.env.PATH };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "envctl-secrets-"));
  await mkdir(join(directory, ".envctl"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function secretFile(name: string, text: string, mode = 0o600): Promise<string> {
  const file = join(directory, ".envctl", name);
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

async function failure(work: Promise<unknown>): Promise<EnvctlError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EnvctlError)) throw new Error(`expected an EnvctlError, got ${String(error)}`);
  return error;
}

describe("secrets", () => {
  it("come from the environment, then the stage's file, then the common one", async () => {
    await secretFile("secrets.prod.env", "B=stage\nA=stage\n");
    await secretFile("secrets.env", "A=common\nB=common\nC='common # with \"quotes\"'\nconstructor=odd\n");
    const variables = { ...path, A: "process" };
    const found = await resolveSecrets(["A", "B", "C", "constructor"], { stage: "prod", directory, variables });
    expect(found.values).toEqual({ A: "process", B: "stage", C: 'common # with "quotes"', constructor: "odd" });
    expect(found.warnings).toEqual([]);
    const common = await resolveSecrets(["B"], { stage: undefined, directory, variables });
    expect(common.values).toEqual({ B: "common" });
  });

  it("that are missing are all named, with where they were looked for, and no value of the others", async () => {
    await secretFile("secrets.env", "KNOWN=hunter2\n");
    const error = await failure(
      resolveSecrets(["ONE", "KNOWN", "toString", "EMPTY"], {
        stage: "test",
        directory,
        variables: { ...path, EMPTY: "" },
      }),
    );
    expect(error.code).toBe("secret-missing");
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain("ONE, toString, EMPTY");
    expect(error.where).toContain(join(directory, ".envctl", "secrets.test.env"));
    expect(error.evidence.join()).toContain("EMPTY is set in the environment, but empty");
    expect(JSON.stringify([error, error.message])).not.toContain("hunter2");
  });

  it("in a file that others may read are not used, and it says how to mend that", async () => {
    const file = await secretFile("secrets.env", "A=x\n", 0o640);
    const error = await failure(resolveSecrets(["A"], { stage: "test", directory, variables: path }));
    expect(error.evidence.join()).toContain(`chmod 600 ${file}`);
    const other = await resolveSecrets(["B"], { stage: "test", directory, variables: { ...path, B: "1" } });
    expect(other).toEqual({ values: { B: "1" }, warnings: [] });
  });

  it("in a file that git would commit bring a warning, until it is ignored", async () => {
    await secretFile("secrets.env", "A=x\n");
    await execa("git", ["init", "--quiet", directory]);
    const exposed = await resolveSecrets(["A"], { stage: "test", directory, variables: path });
    expect(exposed.warnings.join()).toContain(".gitignore");
    await writeFile(join(directory, ".gitignore"), ".envctl/secrets*.env\n");
    const ignored = await resolveSecrets(["A"], { stage: "test", directory, variables: path });
    expect(ignored).toEqual({ values: { A: "x" }, warnings: [] });
  });

  it("that a # cuts off bring a warning with their names, and nothing of their values", async () => {
    const file = await secretFile("secrets.env", "A=hunter#2\nB='hunter#2'\n");
    const { values, warnings } = await resolveSecrets(["A", "B"], { stage: "test", directory, variables: path });
    expect(values).toEqual({ A: "hunter", B: "hunter#2" });
    expect(warnings).toEqual([expect.stringMatching(/^A in .* ends before its #: .* in quotes/)]);
    expect(warnings.join()).toContain(file);
    expect(warnings.join()).not.toContain("hunter");
  });
});
