import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { execa } from "execa";
import { whyNoLab } from "./install.ts";
import { borrowLab } from "./lab.ts";

/** The main job on real input: build once, promote the same digest through dev, test and prod, and roll prod back. */

const root = fileURLToPath(new URL("../../", import.meta.url));
const cli = join(root, "dist/envctl.js");

interface Place {
  readonly folder: string;
  readonly env: Record<string, string>;
  /** Where each stage answers, by stage. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
}

/** A terminal's Ctrl-C ends the command under way; what it left on an engine of somebody's own is ours to take away. */
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}

/** Ends the demo with words instead of a stack: what went wrong is on the screen already. */
class Ended extends Error {}

function say(text: string): void {
  const heading = `# ${text}`;
  process.stdout.write(`\n${process.stdout.isTTY ? styleText("bold", heading) : heading}\n`);
}

async function envctl(place: Place, ...args: string[]): Promise<void> {
  if (interrupted) throw new Ended("interrupted");
  await runEnvctl(place, args);
}

async function runEnvctl(place: Place, args: readonly string[]): Promise<void> {
  process.stdout.write(`$ envctl ${args.join(" ")}\n`);
  const options = { cwd: place.folder, env: place.env, stdio: "inherit", reject: false } as const;
  const { exitCode } = await execa(process.execPath, [cli, ...args], options);
  if (exitCode !== 0) throw new Ended(interrupted ? "interrupted" : `envctl ${args.join(" ")} ended with ${exitCode}`);
}

/** The digest that each container of a stage says it runs. */
async function curl(place: Place, stage: string): Promise<string[]> {
  const digests: string[] = [];
  for (const address of place.addresses[stage] ?? []) {
    process.stdout.write(`$ curl -H 'Accept: application/json' ${address}\n`);
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    const answer = (await response.json()) as {
      stage: string;
      release: string;
      digest: string;
      configuration: { GREETING: string };
    };
    process.stdout.write(
      `  ${answer.stage}: ${answer.configuration.GREETING} (release ${answer.release}, ${answer.digest.slice(0, 19)}…)\n`,
    );
    digests.push(answer.digest);
  }
  return digests;
}

async function requireOneDigest(place: Place): Promise<void> {
  const digests = [...(await curl(place, "dev")), ...(await curl(place, "test")), ...(await curl(place, "prod"))];
  if (new Set(digests).size !== 1) throw new Ended(`the stages run different images: ${digests.join(", ")}`);
  process.stdout.write(`  ${digests.length} containers, one digest: ${digests[0]}\n`);
}

/** Asks a stage all the time while `work` goes on, as its users would, and tells how many of them noticed. */
async function asUsersDo(place: Place, stage: string, work: () => Promise<void>): Promise<void> {
  const asked = { answers: 0, failures: 0, longest: 0 };
  let going = true;
  const users = (place.addresses[stage] ?? []).map(async (address) => {
    while (going) {
      const begun = performance.now();
      const status = await fetch(address).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => undefined,
      );
      asked.longest = Math.max(asked.longest, performance.now() - begun);
      if (status === 200) asked.answers += 1;
      else asked.failures += 1;
    }
  });
  try {
    await work();
  } finally {
    going = false;
    await Promise.all(users);
  }
  const { answers, failures, longest } = asked;
  process.stdout.write(
    `  meanwhile: ${answers} requests answered, ${failures} failed, the longest took ${Math.round(longest)} ms\n`,
  );
  if (failures > 0) throw new Error(`${failures} requests to ${stage} failed`);
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function git(folder: string, ...args: string[]): Promise<void> {
  const identity = ["-c", "user.name=demo", "-c", "user.email=demo@example.com"];
  await execa("git", [...identity, ...args], { cwd: folder });
}

/** Changes nothing: where this fails, there is nothing to clean up. */
async function examine(place: Place): Promise<void> {
  say("A web service, three stages, four hosts' worth of configuration in one file");
  await envctl(place, "validate");
  await envctl(place, "doctor");
}

async function story(place: Place): Promise<void> {
  say("Build once, run it in dev");
  await envctl(place, "up", "dev");

  say("The same digest to test, then to prod");
  await envctl(place, "promote", "test");
  await envctl(place, "promote", "prod");
  await envctl(place, "status");

  say("Every stage answers, and runs the very same image");
  await requireOneDigest(place);

  say("A new release, all the way");
  const server = join(place.folder, "server.js");
  await writeFile(server, `${await readFile(server, "utf8")}\n// The second release.\n`);
  await git(place.folder, "add", "-A");
  await git(place.folder, "commit", "-qm", "The second release");
  await envctl(place, "up", "dev");
  await envctl(place, "promote", "test");
  await envctl(place, "plan", "prod");
  await asUsersDo(place, "prod", () => envctl(place, "promote", "prod"));
  await requireOneDigest(place);

  say("Roll prod back, and forward again");
  await asUsersDo(place, "prod", () => envctl(place, "rollback", "prod"));
  const [before] = await curl(place, "prod");
  const [now] = await curl(place, "test");
  if (before === now) throw new Ended("prod was not rolled back");
  await envctl(place, "diff", "test", "prod");
  await envctl(place, "promote", "prod");
  await requireOneDigest(place);
  await envctl(place, "history", "prod");
}

async function cleanUp(place: Place): Promise<void> {
  say("Clean up");
  const commands = ["prod", "test", "dev"].map((stage) => ["down", stage, "--volumes", "--yes"]);
  const failures: unknown[] = [];
  for (const args of [...commands, ["prune", "--yes"]])
    await runEnvctl(place, args).catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function prepare(folder: string): Promise<Place & { giveBack: () => Promise<void> }> {
  const port = {
    DEV_PORT: String(await freePort()),
    TEST_PORT: String(await freePort()),
    PROD_PORT: String(await freePort()),
  };
  const shared = { ENVCTL_REGISTRY_DIR: join(folder, "registry"), XDG_CACHE_HOME: join(folder, "cache") };
  const sources = join(folder, "shop");
  await cp(join(root, "envs/shop"), sources, { recursive: true });
  await git(sources, "init", "-q");
  // A name of its own: the engine may be one that somebody uses, and have a shop.
  await edit(sources, (text) => text.replace(/^name: shop$/m, "name: envctl-demo"));
  const lab = await labOrReason();
  if (typeof lab === "string") {
    say(
      `The lab cannot be raised (${lab}): the same story on this machine's one engine, three stages on three networks`,
    );
    await edit(sources, (text) => text.replace(/^( +)hosts: .*$/gm, "$1hosts: [local]"));
    const at = (stage: keyof typeof port) => [`http://127.0.0.1:${port[stage]}/`];
    return {
      folder: sources,
      env: { ...shared, ...port },
      addresses: { dev: at("DEV_PORT"), test: at("TEST_PORT"), prod: at("PROD_PORT") },
      giveBack: async () => {},
    };
  }
  const { hosts, env } = lab.lab;
  const remote = (...names: string[]) => names.map((name) => `http://${hosts[name]?.ip}:8080/`);
  return {
    folder: sources,
    env: { ...env, ...shared, DEV_PORT: port.DEV_PORT },
    addresses: { dev: [`http://127.0.0.1:${port.DEV_PORT}/`], test: remote("test1"), prod: remote("prod1", "prod2") },
    giveBack: lab.giveBack,
  };
}

async function edit(folder: string, change: (text: string) => string): Promise<void> {
  const file = join(folder, "envctl.yaml");
  await writeFile(file, change(await readFile(file, "utf8")));
}

async function labOrReason() {
  const reason = await whyNoLab();
  return reason ?? (await borrowLab((text) => process.stderr.write(`${text}\n`), "existing"));
}

const begun = performance.now();
await execa(process.execPath, ["build.mjs"], { cwd: root });
const folder = await mkdtemp(join(tmpdir(), "envctl-demo-"));
try {
  const place = await prepare(folder);
  try {
    await git(place.folder, "add", "-A");
    await git(place.folder, "commit", "-qm", "The first release");
    await examine(place);
    try {
      await story(place);
    } finally {
      await cleanUp(place);
    }
  } finally {
    await place.giveBack();
  }
} catch (error) {
  if (!(error instanceof Ended)) throw error;
  process.stderr.write(`\nThe demo ended early: ${error.message}\n`);
  process.exitCode = interrupted ? 130 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (!process.exitCode) process.stdout.write(`\nDone in ${Math.round((performance.now() - begun) / 1000)} s.\n`);
