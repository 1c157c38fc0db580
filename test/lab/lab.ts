import { rm } from "node:fs/promises";
import type { Tell } from "./command.ts";
import { crashEngine, engineAnswers, startHostEngine } from "./engine.ts";
import { describeHost, raiseHost } from "./host.ts";
import type { HostOptions } from "./host-options.ts";
import { lowerLab, removeHost } from "./lower.ts";
import { type LabNames, labNames } from "./names.ts";
import { setCable } from "./network.ts";
import { recordOf } from "./processes.ts";
import { raiseLab, surroundings } from "./raise.ts";
import { writeSshConfig } from "./secure-shell.ts";
import { type HostState, isAbandoned, type LabState, readState, requireState, withHost, writeState } from "./state.ts";
import { changing } from "./sweep.ts";

/** A host as tests see it. */
export interface LabHost {
  readonly name: string;
  readonly ip: string;
  /** `ssh://test1`, with the lab's `sshConfig`. */
  readonly address: string;
  /** The engine's unix socket, as a path on this machine. */
  readonly socket: string;
  /** For hosts added with `tls`: `tcp://10.77.0.14:2376`, and a folder as DOCKER_CERT_PATH has it. */
  readonly tls: { readonly address: string; readonly folder: string } | undefined;
}

export interface Lab {
  readonly name: string;
  /** What envctl, docker and ssh need in their environment to find the lab's engines and hosts. */
  readonly env: Readonly<Record<string, string>>;
  readonly sshConfig: string;
  /** The socket of this machine's engine: the lab's own one, or one that ran here before. */
  readonly localSocket: string;
  readonly registries: {
    readonly open: { readonly host: string };
    readonly secure: {
      readonly host: string;
      readonly username: string;
      readonly password: string;
      readonly caFile: string;
    };
  };
  readonly hosts: Record<string, LabHost>;
  /** A host by name. Throws where there is none. */
  host(name: string): LabHost;
  /** A partition: no packet to or from the host. */
  cut(host: string): Promise<void>;
  heal(host: string): Promise<void>;
  /** A crash: SIGKILL to the engine. Its containers run on until it is started again, or longer with `liveRestore`. */
  killEngine(host: string): Promise<void>;
  /** Starts the engine unless it runs. Resolves once it answers. */
  startEngine(host: string): Promise<void>;
  /** One more host, with the faults that are asked for. Replaces a host of this name. */
  addHost(name: string, options?: HostOptions): Promise<LabHost>;
  removeHost(name: string): Promise<void>;
}

/** The lab that is up under this name. Throws where none is. */
export async function useLab(name?: string): Promise<Lab> {
  const names = labNames(name);
  const state = requireState(names);
  const hosts = Object.fromEntries(Object.values(state.hosts).map((host) => [host.name, present(host)]));
  // Always read anew: other processes change the lab too.
  const find = (host: string): HostState => {
    const found = requireState(names).hosts[host];
    if (!found) throw new Error(`the lab has no host ${host}: ${Object.keys(hosts).join(", ")}`);
    return found;
  };
  const change = (host: string, work: (found: HostState) => Promise<Partial<HostState>>) =>
    changing(names, async () => {
      const found = find(host);
      const changes = await work(found);
      await writeState(withHost(requireState(names), { ...found, ...changes }));
    });
  const lab: Lab = {
    name: names.name,
    env: labEnvironment(state),
    sshConfig: state.sshConfig,
    localSocket: state.local.socket,
    registries: state.registries,
    hosts,
    host: (host) => present(find(host)),
    cut: (host) => setCable(find(host), "down"),
    heal: (host) => setCable(find(host), "up"),
    killEngine: (host) =>
      change(host, async (found) => {
        await crashEngine(found);
        return { engine: undefined };
      }),
    startEngine: (host) =>
      change(host, async (found) => {
        if (await engineAnswers(found.socket)) return {};
        return { engine: await startHostEngine(surroundings(names, state), found) };
      }),
    addHost: async (host, options = {}) => {
      if (requireState(names).hosts[host]) await lab.removeHost(host);
      const added = await changing(names, () => addHost(host, options, names.name));
      hosts[host] = present(added);
      return present(added);
    },
    removeHost: (host) =>
      changing(names, async () => {
        await removeHost(names, find(host));
        const { [host]: _gone, ...rest } = requireState(names).hosts;
        await writeSshConfig(names.folder, Object.values(rest));
        await writeState({ ...requireState(names), hosts: rest });
        delete hosts[host];
      }),
  };
  return lab;
}

async function addHost(name: string, options: HostOptions, lab: string): Promise<HostState> {
  const names = labNames(lab);
  const state = requireState(names);
  const taken = new Set(Object.values(state.hosts).map((host) => host.index));
  let index = 1;
  while (taken.has(index)) index += 1;
  const planned = describeHost(names, state.subnet, index, name, options);
  try {
    const host = await raiseHost(surroundings(names, state), planned);
    const next = withHost(state, host);
    await writeSshConfig(names.folder, Object.values(next.hosts));
    await writeState(next);
    return host;
  } catch (error) {
    await removeHost(names, planned);
    await rm(planned.folder, { recursive: true, force: true });
    throw error;
  }
}

function present(host: HostState): LabHost {
  return {
    name: host.name,
    ip: host.ip,
    address: `ssh://${host.name}`,
    socket: host.socket,
    tls: host.options.tls ? { address: `tcp://${host.ip}:2376`, folder: `${host.folder}/tls` } : undefined,
  };
}

/** The variables by which a program finds a lab. */
export function labEnvironment(state: LabState): Record<string, string> {
  const { open, secure } = state.registries;
  return {
    ENVCTL_LAB: state.name,
    DOCKER_HOST: `unix://${state.local.socket}`,
    ENVCTL_SSH_CONFIG: state.sshConfig,
    ENVCTL_LAB_REGISTRY: open.host,
    ENVCTL_LAB_SECURE_REGISTRY: secure.host,
    ENVCTL_LAB_SECURE_REGISTRY_CA: secure.caFile,
    ENVCTL_LAB_SECURE_REGISTRY_USERNAME: secure.username,
    ENVCTL_LAB_SECURE_REGISTRY_PASSWORD: secure.password,
  };
}

/**
 * Raises the lab for this process, or uses the one that is up. Given back, it goes, unless others borrow it as well
 * or a person keeps it.
 * Rejects where no lab can be raised: see `whyNoLab`. With `existing`, an engine that answers here is its local one.
 */
export async function borrowLab(
  tell: Tell,
  local?: "own" | "existing",
): Promise<{ readonly lab: Lab; giveBack(): Promise<void> }> {
  const names = labNames();
  await raiseLab(names, { tell, borrower: recordOf(process.pid), local });
  return { lab: await useLab(names.name), giveBack: () => giveBackLab(names) };
}

/** Ends what this process has borrowed of a lab, if anything. */
export async function giveBackLab(names: LabNames): Promise<void> {
  await changing(names, async () => {
    const state = readState(names);
    if (!state) return; // A person took it down meanwhile.
    const returned = { ...state, borrowers: state.borrowers.filter(({ pid }) => pid !== process.pid) };
    if (isAbandoned(returned)) await lowerLab(names);
    else await writeState(returned);
  });
}
