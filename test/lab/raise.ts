import { mkdir } from "node:fs/promises";
import { type Tell, timed, together } from "./command.ts";
import { type EngineSurroundings, engineAnswers, existingEngine, startHostEngine, startLocalEngine } from "./engine.ts";
import { exclusively } from "./exclusive.ts";
import { describeHost, raiseHost } from "./host.ts";
import { ensureBaseImage, linkBaseImages } from "./images/base-images.ts";
import { installPackages } from "./install.ts";
import { lowerLab } from "./lower.ts";
import { type LabNames, sharedFolder } from "./names.ts";
import { addresses, claimSubnet, createBridges, setCable } from "./network.ts";
import { addRules, rememberNetwork } from "./network-rules.ts";
import { isAlive, mayBeAlive, type ProcessRecord } from "./processes.ts";
import { startOpenRegistry, startSecureRegistry } from "./registries.ts";
import { createClientKey, writeSshConfig } from "./secure-shell.ts";
import { type LabState, readState, writeState } from "./state.ts";
import { changing, sweepLabs } from "./sweep.ts";

export const defaultHosts: readonly string[] = ["test1", "prod1", "prod2"];

export interface RaiseOptions {
  readonly tell: Tell;
  readonly hosts?: readonly string[];
  /** The run that borrows it; without one the lab is a person's, and kept. */
  readonly borrower?: ProcessRecord | undefined;
  /**
   * Which engine plays this machine's own. `own`: one of the lab's, so that tests find the same everywhere and touch
   * nobody's containers. `existing`: the one that answers here, if any. Default: ENVCTL_LAB_LOCAL, else `own`.
   */
  readonly local?: "own" | "existing" | undefined;
}

/**
 * Raises a lab, or mends and returns the one that is up. What a killed run left is cleared away first.
 * Rejects with the reason, and with nothing left behind, where it cannot be raised.
 */
export async function raiseLab(names: LabNames, options: RaiseOptions): Promise<LabState> {
  await installPackages(options.tell);
  await sweepLabs(names, options.tell);
  for (const image of ["debian", "node", "busybox", "caddy"] as const) await ensureBaseImage(image, options.tell);
  return await changing(names, async () => {
    const present = readState(names);
    if (present && isSound(present)) return await mend(names, present, options);
    await lowerLab(names);
    try {
      return await timed(options.tell, `raising the lab "${names.name}"`, () => build(names, options));
    } catch (error) {
      if (process.env.ENVCTL_LAB_KEEP === undefined) await lowerLab(names);
      throw error;
    }
  });
}

/** Whether all that cannot be mended by starting an engine again is still there. */
function isSound(state: LabState): boolean {
  const processes = [state.registries.open.process, state.registries.secure.process];
  return [...processes, ...Object.values(state.hosts).map((host) => host.sshd)].every(isAlive);
}

/** Heals partitions and starts engines that were killed; everything else stays as it is. */
async function mend(names: LabNames, state: LabState, options: RaiseOptions): Promise<LabState> {
  const around = surroundings(names, state);
  const hosts: Record<string, LabState["hosts"][string]> = {};
  for (const host of Object.values(state.hosts)) {
    await setCable(host, "up");
    const runs = host.options.docker === "stopped" || (await engineAnswers(host.socket));
    hosts[host.name] = runs ? host : { ...host, engine: await startHostEngine(around, host) };
    if (!runs) options.tell(`engine of ${host.name} started again`);
  }
  let local = state.local;
  if (local.engine && !(await engineAnswers(local.socket))) {
    local = { ...local, engine: await startLocalEngine(around, `${names.folder}/local`) };
  }
  const { borrower } = options;
  const borrowers = [...state.borrowers.filter(mayBeAlive), ...(borrower ? [borrower] : [])];
  const mended = { ...state, hosts, local, kept: state.kept || borrower === undefined, borrowers };
  await writeState(mended);
  return mended;
}

export function surroundings(names: LabNames, state: LabState): EngineSurroundings {
  return { names, subnet: state.subnet, mirror: state.registries.open.host };
}

async function build(names: LabNames, options: RaiseOptions): Promise<LabState> {
  const begun = performance.now();
  const { folder } = names;
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const local = options.local ?? process.env.ENVCTL_LAB_LOCAL;
  const existing = local === "existing" ? await existingEngine(names) : undefined;
  const subnet = await exclusively(`${sharedFolder}.lock`, async () => {
    await rememberNetwork();
    const claimed = await claimSubnet(names);
    await createBridges(names, claimed, existing === undefined);
    return claimed;
  });
  const gateway = addresses.gateway(subnet);
  const around: EngineSurroundings = { names, subnet, mirror: `${gateway}:5000` };
  const [, , open, secure] = await together([
    addRules(names, subnet),
    createClientKey(folder),
    linkBaseImages(`${folder}/registries/open/storage`).then(() =>
      startOpenRegistry(`${folder}/registries/open`, gateway),
    ),
    startSecureRegistry(`${folder}/registries/secure`, gateway),
  ]);
  const wanted = (options.hosts ?? defaultHosts).map((name, at) => describeHost(names, subnet, at + 1, name, {}));
  const [engine, ...hosts] = await together([
    existing === undefined ? startLocalEngine(around, `${folder}/local`) : undefined,
    ...wanted.map((host) => raiseHost(around, host)),
  ]);
  const state: LabState = {
    name: names.name,
    subnet,
    gateway,
    kept: options.borrower === undefined,
    borrowers: options.borrower ? [options.borrower] : [],
    local: { socket: existing ?? `${folder}/local/docker.sock`, engine },
    registries: { open, secure },
    sshConfig: await writeSshConfig(folder, hosts),
    hosts: Object.fromEntries(hosts.map((host) => [host.name, host])),
    secondsToRaise: (performance.now() - begun) / 1000,
  };
  await writeState(state);
  return state;
}
