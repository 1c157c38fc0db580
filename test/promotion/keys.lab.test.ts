import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

interface History {
  readonly records: { readonly stage: string; readonly kind: string; readonly signer: string | null }[];
}

describeLab("a history that is signed", () => {
  let project: Project;
  let agent: ChildProcess | undefined;

  beforeAll(async () => {
    project = new Project(await useLab());
    project.env.XDG_CONFIG_HOME = join(project.folder, "..", "config");
    project.environment(
      "app: { health: false, stop: { grace: 1s } }\nstages: { dev: {}, test: { hosts: [ssh://test1] } }",
    );
    await project.ok("up", "dev");
  }, 60_000);

  afterAll(() => agent?.kill());

  const changes = async () => (await project.json<History>("history")).records.filter(({ kind }) => kind !== "build");
  const signers = async () => (await changes()).map(({ signer }) => signer);
  const publicKey = (name: string) => join(project.folder, ".envctl/keys", `${name}.pub`);

  it("begins with a key: what was before is told apart, and all that comes is signed", async () => {
    expect((await project.ok("history", "--verify")).stdout).toMatch(
      /^dev: 1 record, in order and unchanged; not signed/,
    );
    const made = await project.ok("keys", "init", "--name", "alice");
    expect(made.stdout).toMatch(/^alice SHA256:\S{43}\n {2}a new key: .*signing-key\.pem\n/);
    expect((await project.ok("keys", "list")).stdout).toMatch(/^alice SHA256:\S{43} \(yours\)$/);
    await project.ok("promote", "test");
    project.page("second");
    await project.ok("up", "dev");
    expect(await signers()).toEqual(["alice", "alice", null]);
    const refused = await project.run("history", "dev", "--verify");
    expect([refused.exitCode, refused.stderr]).toEqual([6, expect.stringMatching(/dev record 1: it is not signed/)]);
    expect((await project.ok("history", "test", "--verify")).stdout).toBe(
      "test: 1 record, in order and unchanged, signed by alice",
    );
  });

  it("takes nothing from somebody whose key does not count, before anything is touched", async () => {
    project.env.XDG_CONFIG_HOME = join(project.folder, "..", "somebody-else");
    project.page("third");
    const digests = async () =>
      (await project.json<{ releases: { digest: string }[] }>("releases")).releases.map(({ digest }) => digest);
    const before = await digests();
    const result = await project.run("up", "dev");
    expect([result.exitCode, result.stderr]).toEqual([
      2,
      expect.stringMatching(/none of its keys is to be had here[\s\S]*alice: SHA256:[\s\S]*next: +envctl keys init/),
    ]);
    expect((await project.run("promote", "test")).exitCode).toBe(2);
    expect(await digests()).toEqual(before);
    expect(await changes()).toHaveLength(3);
  });

  it("is signed by a key that only the SSH agent has", async () => {
    const folder = join(project.folder, "..", "agent");
    mkdirSync(folder);
    const socket = join(folder, "socket");
    agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "pipe" });
    if (agent.stdout) await once(agent.stdout, "data");
    const key = join(folder, "id_ed25519");
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", key]);
    copyFileSync(`${key}.pub`, publicKey("bob"));
    project.env.SSH_AUTH_SOCK = socket;
    expect((await project.run("up", "dev")).exitCode).toBe(2);
    await execa("ssh-add", ["-q", key], { env: { SSH_AUTH_SOCK: socket } });
    rmSync(key);
    await project.ok("up", "dev");
    expect(await signers()).toEqual(["bob", "alice", "alice", null]);
    const { stdout } = await execa("ssh-keygen", ["-lf", publicKey("alice")]);
    expect((await project.ok("keys", "list")).stdout).toContain(stdout.split(" ")[1]);
  });

  it("keeps the private key out of the environment's folder, and out of all that is printed", async () => {
    const secret = readFileSync(join(project.folder, "../config/envctl/signing-key.pem"), "utf8").split("\n")[1] ?? "";
    expect(secret.length).toBeGreaterThan(40);
    expect(existsSync(join(project.folder, ".envctl/keys/alice.pub"))).toBe(true);
    project.env.XDG_CONFIG_HOME = join(project.folder, "..", "config");
    const printed = await project.ok("up", "dev", "--verbose");
    expect(printed.stdout + printed.stderr).not.toContain(secret);
  });
});
