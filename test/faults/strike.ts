import { setTimeout as wait } from "node:timers/promises";
import type { Cell, StepName } from "./model.ts";
import type { Behaviour, Stand } from "./stand.ts";

/** How a fault is made, and how it ends. */
export interface Strike {
  /** Called while envctl stands still at the step. */
  readonly begin: (kill: (signal: NodeJS.Signals) => void) => Promise<void>;
  /** Called once the command has ended. */
  readonly end: () => Promise<void>;
}

/** The behaviour of the release that is promoted, where that is the fault. */
export function behaviourOf({ fault, step }: Cell): Behaviour | undefined {
  switch (fault) {
    case "unhealthy":
    case "exits":
    case "slow-start":
      return fault;
    case "failing-migration":
      return step === "before-switch" ? "failing-before" : "failing-after";
    default:
      return undefined;
  }
}

/** faketime's offset for a command of this cell. */
export function clockOf({ fault }: Cell): string | undefined {
  if (fault === "clock-ahead") return "+26h";
  return fault === "clock-behind" ? "-26h" : undefined;
}

/** What envctl prints when it begins the step. */
export function momentOf({ step, host }: Cell, stand: Stand): RegExp {
  const where = stand.hosts[host].address;
  const prepare = `· prepare › ${where} › `;
  const change = `· switch › ${where} › `;
  const patterns: Record<StepName, string> = {
    connect: "· connect to prod",
    pull: `${prepare}pull faulty `,
    network: `${prepare}make network`,
    volume: `${prepare}make volume`,
    proxy: `${prepare}start proxy`,
    join: `${prepare}let \\S+ reach`,
    "before-switch": "· task before on",
    create: `${change}create`,
    start: `${change}start`,
    "wait-healthy": `${change}wait until`,
    route: `${change}let \\S+ serve`,
    drain: `${change}let .* end its requests`,
    stop: `${change}stop`,
    "after-switch": "· switch › task after on",
    tidy: `· tidy up › ${where} › remove`,
    record: "· record",
  };
  return new RegExp(`^${patterns[step]}`, "m");
}

export function strikeOf(cell: Cell, stand: Stand): Strike {
  const host = stand.hosts[cell.host];
  const nothing = async () => {};
  let undo: () => Promise<void> = nothing;
  const end = async () => await undo();
  switch (cell.fault) {
    case "kill":
      return { begin: async (kill) => kill("SIGKILL"), end };
    case "ctrl-c":
      return { begin: async (kill) => kill("SIGINT"), end };
    case "sigterm":
      return { begin: async (kill) => kill("SIGTERM"), end };
    case "ctrl-c-twice": {
      const begin = async (kill: (signal: NodeJS.Signals) => void) => {
        kill("SIGINT");
        setTimeout(() => kill("SIGINT"), 50);
      };
      return { begin, end };
    }
    case "cut":
      undo = () => stand.lab.heal(host.name);
      return { begin: () => stand.lab.cut(host.name), end };
    case "blip": {
      let healed: Promise<void> | undefined;
      undo = async () => await healed;
      const begin = async () => {
        await stand.lab.cut(host.name);
        healed = wait(3000).then(() => stand.lab.heal(host.name));
        healed.catch(() => {}); // Told by `end`.
      };
      return { begin, end };
    }
    case "engine-crash":
    case "reboot": {
      let started: Promise<void> | undefined;
      undo = async () => await started;
      const begin = async () => {
        if (cell.fault === "reboot") await stand.endEngine(host);
        else await stand.lab.killEngine(host.name);
        started = wait(500).then(() => stand.lab.startEngine(host.name));
        started.catch(() => {}); // Told by `end`.
      };
      return { begin, end };
    }
    case "registry-down":
      undo = () => stand.gate.open();
      return { begin: () => stand.gate.shut(), end };
    case "disk-full":
      return {
        begin: async () => {
          undo = await stand.fillDisk(host);
        },
        end,
      };
    case "port-taken":
      return {
        begin: async () => {
          undo = await stand.takePort(host);
        },
        end,
      };
    case "unhealthy":
    case "exits":
    case "slow-start":
    case "hangs-on-term":
    case "failing-migration":
    case "clock-ahead":
    case "clock-behind":
      return { begin: nothing, end };
  }
}
