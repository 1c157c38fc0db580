import { machineOf } from "../base/host.ts";
import type { ObservedContainer } from "../engine/engine.ts";

/** Where a stage ran, as the newest change in its history left it. */
export interface LastHosts {
  /** Where it ran then, and nobody has taken it down since. */
  readonly ran: readonly string[];
  /** The hosts that the stage had at that change, which may have failed. */
  readonly had: readonly string[];
  /** When that was (RFC 3339). */
  readonly at: string;
}

/** A host that a stage has now. */
export interface PresentHost {
  readonly name: string;
  /** The stage's there; undefined where the host does not tell. */
  readonly containers: readonly Pick<ObservedContainer, "createdAt">[] | undefined;
}

/** What became of the hosts on which a stage ran. */
export interface HostsSince {
  /** The stage has them no more, and nobody took down what ran there. */
  readonly former: readonly string[];
  /** Of those that it has, the ones on which it ran already. */
  readonly kept: readonly string[];
}

/** How far the clocks of a host and of whoever wrote a record may be apart. Milliseconds. */
const clockDifference = 60_000;

/**
 * Compares the hosts on which a stage ran with those that it has. One host can be written in many ways (`local` or the path of
 * its socket, an alias of ssh or the whole name), and nobody asks the one that is gone, which may be gone for good. But a host
 * that is new in the file and had the stage's containers when the history was last written is an old one under a new name.
 * Nothing is said of any that it may have been: to be wrong is worse than to be silent.
 */
export function hostsSince(last: LastHosts | undefined, hosts: readonly PresentHost[]): HostsSince {
  if (!last) return { former: [], kept: [] };
  const until = Date.parse(last.at) + clockDifference;
  const renamed = hosts.filter(
    ({ name, containers }) =>
      ![...last.ran, ...last.had].includes(name) &&
      (containers === undefined || containers.some(({ createdAt }) => createdAt.getTime() <= until)),
  );
  const gone = last.ran.filter((name) => !hosts.some((host) => host.name === name));
  const machines = renamed.map(({ name }) => machineOf(name));
  const isTold = machines.every((machine) => machine !== undefined && gone.some((name) => machineOf(name) === machine));
  return {
    former: isTold ? gone.filter((name) => !machines.includes(machineOf(name))) : [],
    kept: hosts.filter((host) => last.ran.includes(host.name) || renamed.includes(host)).map(({ name }) => name),
  };
}

/** What a person should know of such a host, and what to type. */
export function formerHostNote(stage: string, host: string): string {
  return `${host} no longer belongs to ${stage}, and nobody took down what ran there: envctl down ${stage} --host ${host}`;
}
