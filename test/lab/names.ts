import { createHash } from "node:crypto";

/** Base images, built once for a machine and shared by all labs on it. */
export const cacheFolder = "/var/cache/envctl-lab";

/** What several labs on one machine share until its next start: claimed subnets, and the machine's settings from before the first lab. */
export const sharedFolder = "/run/envctl-labs";

/** Every name by which one lab's parts are found again, also after a crash and without its state file. */
export interface LabNames {
  readonly name: string;
  readonly folder: string;
  /** Starts the names of the lab's network interfaces, which may have 15 characters at most. */
  readonly interfacePrefix: string;
  readonly bridge: string;
  readonly localBridge: string;
  /** Starts the names of the lab's network namespaces. */
  readonly namespacePrefix: string;
  /** The comment on each of the lab's iptables rules. */
  readonly comment: string;
  /** Parent control group of every container of the lab. */
  readonly controlGroup: string;
}

/** Throws on a name that could not be a folder's or a namespace's name. */
export function labNames(name: string = process.env.ENVCTL_LAB ?? "envctl"): LabNames {
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(name)) {
    throw new Error(`"${name}" is no name for a lab: up to 20 of a-z, 0-9 and "-", starting with a letter or digit`);
  }
  const interfacePrefix = `el${createHash("sha256").update(name).digest("hex").slice(0, 6)}-`;
  return {
    name,
    folder: `/var/tmp/envctl-lab-${name}`,
    interfacePrefix,
    bridge: `${interfacePrefix}br`,
    localBridge: `${interfacePrefix}d0`,
    namespacePrefix: `envctl.${name}.`,
    comment: `envctl-lab.${name}`,
    controlGroup: `/envctl-lab.${name}`,
  };
}

/** The lab of one of several workers of a test run; the first has the run's own. */
export function workerLab(name: string, worker: number): string {
  return worker === 1 ? name : `${name.slice(0, 17)}-${worker}`;
}
