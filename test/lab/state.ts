import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import type { HostOptions } from "./host-options.ts";
import { type LabNames, labNames } from "./names.ts";
import { mayBeAlive, type ProcessRecord } from "./processes.ts";

/** One host: a network namespace with its own engine and SSH server. */
export interface HostState {
  readonly name: string;
  /** 1, 2, …: the last part of its addresses follows from it. */
  readonly index: number;
  readonly ip: string;
  readonly namespace: string;
  /** The machine's end of the cable: down is a partition. */
  readonly link: string;
  readonly folder: string;
  readonly socket: string;
  readonly options: HostOptions;
  readonly engine: ProcessRecord | undefined;
  readonly sshd: ProcessRecord | undefined;
}

export interface RegistryState {
  /** `10.77.0.1:5000` */
  readonly host: string;
  readonly process: ProcessRecord;
}

export interface LabState {
  readonly name: string;
  /** The lab's addresses are 10.`subnet`.0.0/16: hosts in 10.`subnet`.0.0/24. */
  readonly subnet: number;
  readonly gateway: string;
  /** Whether a person raised it, to stay until a person takes it down. */
  readonly kept: boolean;
  /** The runs that use it. With the last of them a lab goes that is not kept. */
  readonly borrowers: readonly ProcessRecord[];
  readonly local: { readonly socket: string; readonly engine: ProcessRecord | undefined };
  readonly registries: {
    readonly open: RegistryState;
    readonly secure: RegistryState & {
      readonly username: string;
      readonly password: string;
      readonly caFile: string;
    };
  };
  readonly sshConfig: string;
  readonly hosts: Readonly<Record<string, HostState>>;
  readonly secondsToRaise: number;
}

function stateFile(names: LabNames): string {
  return `${names.folder}/state.json`;
}

/** Undefined where this lab is not up, or was not raised to the end. */
export function readState(names: LabNames = labNames()): LabState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(names), "utf8")) as LabState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Throws where this lab is not up. */
export function requireState(names: LabNames = labNames()): LabState {
  const state = readState(names);
  if (!state) throw new Error(`the lab "${names.name}" is not up: npm run lab -- up`);
  return state;
}

export async function writeState(state: LabState): Promise<void> {
  const file = stateFile(labNames(state.name));
  await writeFile(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export function withHost(state: LabState, host: HostState): LabState {
  return { ...state, hosts: { ...state.hosts, [host.name]: host } };
}

/** Whether nobody needs this lab any more. */
export function isAbandoned(state: LabState | undefined): boolean {
  return state === undefined || !(state.kept || state.borrowers.some(mayBeAlive));
}
