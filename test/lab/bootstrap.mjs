// Plain Node and nothing else: on a fresh clone this is what makes the rest runnable.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const bin = (name) => join(root, "node_modules/.bin", name);
const script = (path, ...args) => [process.execPath, ["--import", "tsx", join(root, path), ...args]];

/** The program that runs now; a Ctrl-C is its to answer, and ours to clear up after. */
let child;
let interrupted;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    interrupted ??= signal;
    // A terminal sends SIGINT to the whole group, others to this process alone.
    child?.kill(signal);
  });
}

function run(command, args, env = {}, detached = false) {
  return new Promise((resolve, reject) => {
    child = spawn(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env }, detached });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** As `run`, in a process group of its own that ends with its leader: vitest's workers would outlive a Ctrl-C. */
async function runWhole(command, args, env) {
  const code = await run(command, args, env, true);
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // All of the group has ended by itself.
  }
  return code;
}

async function installDependencies() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules/.package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("installing dependencies (npm ci) …");
  const code = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) throw new Error("npm ci failed");
}

/** The last line of a test run. */
let summary;

/** Two test runs at once must not share a lab: the one that came second takes a name of its own. */
function labName() {
  const name = process.env.ENVCTL_LAB ?? "envctl";
  try {
    const { borrowers } = JSON.parse(readFileSync(`/var/tmp/envctl-lab-${name}/state.json`, "utf8"));
    if (borrowers.some(({ pid }) => existsSync(`/proc/${pid}`))) return `${name.slice(0, 10)}-${process.pid}`;
  } catch {
    // No such lab is up.
  }
  return name;
}

async function test(args, extent = {}) {
  const folder = mkdtempSync(join(tmpdir(), "envctl-test-"));
  const report = join(folder, "report.json");
  const env = { ENVCTL_LAB: labName(), ...extent };
  try {
    if ((await run(process.execPath, ["build.mjs"])) !== 0) {
      summary = "0 passed, 1 failed, 0 skipped";
      return 1;
    }
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const code = await runWhole(bin("vitest"), ["run", ...reporters, ...args], env);
    return summarize(report, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await clearUp(env);
  }
}

/** Whoever raised a lab takes it down again, unless it was stopped. What a person raised stays. */
async function clearUp(env) {
  const isLeft = existsSync(`/var/tmp/envctl-lab-${env.ENVCTL_LAB}`);
  if (process.getuid?.() === 0 && (isLeft || interrupted)) await run(...script("test/lab/cli.ts", "release"), env);
}

async function runOnLab(path, args) {
  const env = { ENVCTL_LAB: labName() };
  try {
    return await run(...script(path, ...args), env);
  } finally {
    await clearUp(env);
  }
}

/** A second try is for a stalled machine, and could hide a fault: whoever reads the end of a run is to see what was tried twice, and why. */
function nameSecondTries(testResults) {
  for (const { name, assertionResults } of testResults)
    for (const { status, fullName, failureMessages } of assertionResults)
      if (status === "passed" && failureMessages.length > 0)
        console.log(`passed at a second try: ${relative(root, name)}: ${fullName}\n  ${failureMessages[0]}`);
}

/** Reads vitest's report. A file that cannot even be loaded has no tests to fail, and counts as one failure. */
function summarize(report, code) {
  if (!existsSync(report)) return code || 1;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((result) => result.status === "failed"),
  ).length;
  const failed = numFailedTests + broken;
  const skipped = numPendingTests + numTodoTests;
  nameSecondTries(testResults);
  summary = `${numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
  if (skipped > 0 && process.env.CI === "true") {
    console.error("CI=true: a skipped test is a failure");
    return code || 1;
  }
  return code;
}

const [what, ...args] = process.argv.slice(2);
const actions = {
  test: () => test(args),
  "test:all": () => test(args, { ENVCTL_TESTS: "all" }),
  demo: () => runOnLab("test/lab/demo.ts", args),
  lab: () => run(...script("test/lab/cli.ts", ...args)),
  bench: () => runOnLab("test/bench/main.ts", args),
  faults: () => runOnLab("test/faults/main.ts", args),
  load: () => runOnLab("test/rollout/rounds-main.ts", args),
};
const action = actions[what];
if (!action) {
  console.error(`node test/lab/bootstrap.mjs ${Object.keys(actions).join("|")} [arguments]`);
  process.exit(2);
}
await installDependencies();
const code = await action();
if (summary !== undefined) console.log(summary);
process.exit(interrupted ? 130 : code);
