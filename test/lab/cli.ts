import { execa } from "execa";
import { tellOnStderr, timed } from "./command.ts";
import { engineAnswers } from "./engine.ts";
import { ensureBaseImage } from "./images/base-images.ts";
import type { BaseImageName } from "./images/recipes.ts";
import { recipes } from "./images/recipes.ts";
import { whyNoLab } from "./install.ts";
import { labEnvironment, useLab } from "./lab.ts";
import { lowerLab } from "./lower.ts";
import { labNames } from "./names.ts";
import { raiseLab } from "./raise.ts";
import { isAbandoned, readState, requireState } from "./state.ts";
import { changing, sweepLabs } from "./sweep.ts";

const usage = `npm run lab -- COMMAND

  up [HOST…]        raise the lab, or mend the one that is up (hosts: test1 prod1 prod2)
  status            its hosts, engines and addresses, and lines to paste into a shell
  ssh HOST [WORD…]  log in, or run a command there
  cut HOST          no packet reaches the host any more; heal HOST
  kill HOST         SIGKILL to its engine; start HOST
  add HOST          one more host; remove HOST
  image NAME        make a base image available: ${Object.keys(recipes).join(" ")}
  down              take it all away

ENVCTL_LAB=name chooses among several labs (default: envctl).`;

// `npm run lab -- status | head` closes our output early, and that is nobody's failure.
process.stdout.on("error", () => process.exit(0));

const names = labNames();
const [command = "help", ...rest] = process.argv.slice(2);
const host = rest[0] ?? "";

const commands: Readonly<Record<string, () => Promise<void>>> = {
  up: async () => {
    const reason = whyNoLab();
    if (reason !== undefined) throw new Error(`no lab here: ${reason}`);
    await raiseLab(names, { tell: tellOnStderr, ...(rest.length > 0 ? { hosts: rest } : {}) });
    await status();
  },
  status,
  ssh: async () => {
    const { sshConfig } = requireState(names);
    const { exitCode } = await execa("ssh", ["-F", sshConfig, "--", host, ...rest.slice(1)], {
      stdio: "inherit",
      reject: false,
    });
    process.exitCode = exitCode ?? 1;
  },
  cut: async () => (await useLab()).cut(host),
  heal: async () => (await useLab()).heal(host),
  kill: async () => (await useLab()).killEngine(host),
  start: async () => (await useLab()).startEngine(host),
  add: async () => {
    const added = await (await useLab()).addHost(host);
    console.log(`${added.name}  ${added.ip}  ${added.address}`);
  },
  remove: async () => (await useLab()).removeHost(host),
  image: async () => {
    if (!(host in recipes)) throw new Error(`no recipe for "${host}": ${Object.keys(recipes).join(" ")}`);
    await ensureBaseImage(host as BaseImageName);
  },
  down: async () => {
    await timed(tellOnStderr, `taking the lab "${names.name}" down`, () => changing(names, () => lowerLab(names)));
  },
  // After a test run that could not clear up itself; a person's lab stays.
  release: async () => {
    await changing(names, async () => {
      if (isAbandoned(readState(names))) await lowerLab(names);
    });
    await sweepLabs(names, tellOnStderr);
  },
  help: async () => console.log(usage),
};

async function status(): Promise<void> {
  const state = requireState(names);
  const { open, secure } = state.registries;
  console.log(`lab ${state.name}, raised in ${state.secondsToRaise.toFixed(1)} s\n`);
  for (const { name, ip, socket } of Object.values(state.hosts)) {
    const engine = (await engineAnswers(socket)) ? "engine up" : "engine down";
    console.log(`  ${name.padEnd(8)} ${ip.padEnd(12)} ${engine.padEnd(12)} ssh://${name.padEnd(8)} unix://${socket}`);
  }
  const whose = state.local.engine ? "the lab's own" : "was here before";
  const answers = (await engineAnswers(state.local.socket)) ? "engine up" : "engine down";
  console.log(`  ${"local".padEnd(21)} ${answers.padEnd(12)} unix://${state.local.socket} (${whose})`);
  console.log(`  ${"registry".padEnd(8)} ${open.host.padEnd(25)} plain HTTP, open`);
  console.log(`  ${"registry".padEnd(8)} ${secure.host.padEnd(25)} TLS, password; authority ${secure.caFile}\n`);
  for (const [name, value] of Object.entries(labEnvironment(state))) console.log(`export ${name}=${value}`);
}

const chosen = commands[command];
if (chosen) {
  await chosen().catch((error: unknown) => {
    console.error(`lab: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  });
} else {
  console.error(`no command "${command}"\n\n${usage}`);
  process.exitCode = 2;
}
