import type { Cell, FaultName, StepName } from "./model.ts";
import { steps } from "./model.ts";

/** Steps of a first rollout alone. */
const freshSteps: readonly StepName[] = ["network", "volume", "proxy", "join"];
/** Steps that come on one host after the other: on the second, the first runs the new release already. */
const hostByHost: readonly StepName[] = ["create", "start", "wait-healthy", "route", "drain", "stop"];
/** Steps of several requests, and how long after their beginning there is one in their midst. */
const inTheMidst: Partial<Record<StepName, number>> = { route: 150, proxy: 250, "wait-healthy": 100 };

/** All that may go wrong at a step of either host. */
export function allCells(): Cell[] {
  return [
    ...everyStep("kill"),
    ...everyStep("ctrl-c"),
    ...(["pull", "before-switch", "route", "stop", "after-switch", "tidy"] as const).map((step) =>
      cell(step, "sigterm"),
    ),
    ...(["before-switch", "wait-healthy", "route", "stop"] as const).map((step) => cell(step, "ctrl-c-twice")),
    cell("wait-healthy", "ctrl-c-twice", 1),
    ...everyStep("cut"),
    ...everyStep("engine-crash").filter(({ step, late }) => step !== "proxy" || late === 0),
    ...(["connect", "pull", "route", "drain", "record"] as const).map((step) => cell(step, "blip")),
    ...(["pull", "wait-healthy", "route", "stop", "tidy"] as const).map((step) => cell(step, "reboot")),
    ...(["start", "drain"] as const).map((step) => cell(step, "reboot", 1)),
    ...steps.map((step) => cell(step, "registry-down")),
    ...bothHosts("wait-healthy", "unhealthy"),
    ...bothHosts("wait-healthy", "exits"),
    ...bothHosts("wait-healthy", "slow-start"),
    ...bothHosts("stop", "hangs-on-term"),
    cell("before-switch", "failing-migration"),
    cell("after-switch", "failing-migration"),
    ...steps.filter((step) => step !== "record").map((step) => cell(step, "disk-full")),
    ...(["create", "start", "route"] as const).map((step) => cell(step, "disk-full", 1)),
    ...bothHosts("proxy", "port-taken"),
    cell("connect", "clock-ahead"),
    cell("connect", "clock-behind"),
    cell("proxy", "clock-ahead"),
    cell("proxy", "clock-behind"),
  ];
}

/** What `npm run test:all` runs. Chosen so that each fault comes once, and each kind of step: a network is made, and joined, as a volume is made. */
export function reducedCells(): Cell[] {
  return [
    cell("volume", "kill"),
    cell("proxy", "port-taken"),
    cell("connect", "cut"),
    cell("connect", "clock-ahead"),
    cell("pull", "disk-full"),
    cell("before-switch", "failing-migration"),
    cell("create", "ctrl-c", 1),
    cell("start", "engine-crash", 1),
    cell("wait-healthy", "unhealthy"),
    cell("wait-healthy", "exits", 1),
    cell("wait-healthy", "slow-start"),
    { ...cell("route", "ctrl-c-twice"), late: 100 },
    cell("drain", "blip"),
    cell("stop", "hangs-on-term"),
    cell("after-switch", "sigterm"),
    cell("tidy", "reboot"),
    cell("record", "registry-down"),
  ];
}

/** Those that `npm test` has the time for: of each kind of fault one, a process, a network, an engine, a disk, an image. */
export function fewCells(): Cell[] {
  const few = ["kill", "cut", "engine-crash", "disk-full", "failing-migration", "unhealthy"];
  return reducedCells().filter(({ fault }) => few.includes(fault));
}

/** Cells that make no sense, and why. */
export const excluded: readonly { readonly fault: string; readonly steps: string; readonly why: string }[] = [
  {
    fault: "kill, cut, engine-crash",
    steps: "network, volume, proxy, join on the second host",
    why: "hosts are prepared at the same time: the first host's cells are the second's",
  },
  {
    fault: "engine-crash",
    steps: "the midst of proxy",
    why: "Docker 20.10 that crashes while it starts a container keeps the port until its next start, whoever asks: a person restarts it, as the error says",
  },
  { fault: "blip", steps: "most", why: "nothing happens that could depend on the step: packets are sent again" },
  {
    fault: "sigterm, ctrl-c-twice",
    steps: "most",
    why: "SIGTERM does what SIGINT does, and the second Ctrl-C the same wherever it comes: a few steps show it",
  },
  {
    fault: "reboot",
    steps: "most",
    why: "for envctl it is an engine crash; for containers these steps show what differs",
  },
  {
    fault: "unhealthy, exits, slow-start",
    steps: "all but wait-healthy",
    why: "a release shows how it starts only where it is waited for",
  },
  { fault: "hangs-on-term", steps: "all but stop", why: "SIGTERM is sent by stop alone" },
  { fault: "failing-migration", steps: "all but the tasks", why: "a task is all that migrates" },
  {
    fault: "port-taken",
    steps: "all but proxy",
    why: "the port is the proxy's: containers of the app publish none, and their start takes none",
  },
  {
    fault: "clock-ahead, clock-behind",
    steps: "all but connect and proxy",
    why: "a clock is wrong from beginning to end: one run, over a release and on an empty stage, goes through all steps",
  },
  { fault: "disk-full", steps: "record", why: "the record is written to the registry, not to a host" },
  {
    fault: "disk-full",
    steps: "most on the second host",
    why: "the same as on the first; create, start, route show it",
  },
];

function everyStep(fault: FaultName): Cell[] {
  return steps.flatMap((step) => {
    const first = cell(step, fault);
    const late = inTheMidst[step];
    return [
      first,
      ...(late === undefined ? [] : [{ ...first, late }]),
      ...(hostByHost.includes(step) ? [cell(step, fault, 1)] : []),
    ];
  });
}

function bothHosts(step: StepName, fault: FaultName): Cell[] {
  return [cell(step, fault, 0), cell(step, fault, 1)];
}

function cell(step: StepName, fault: FaultName, host: 0 | 1 = 0): Cell {
  return { step, fault, host, late: 0, fresh: freshSteps.includes(step) };
}
