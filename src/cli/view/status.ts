import { isDigest, shortDigest } from "../../base/digest.ts";
import { formatDuration } from "../../base/duration.ts";
import { describeDev, differsFromRelease, nameFiles } from "../../plan/dev-container.ts";
import { formerHostNote } from "../../plan/former-hosts.ts";
import type { ContainerStatus, HostStatus, StageStatus } from "../../plan/status.ts";
import type { Context } from "../verb.ts";
import { type Cell, renderTable } from "./table.ts";

/** The matrix of stages and hosts, and under it each way in which something is not as it should be. */
export function renderStatus(
  environment: string,
  stages: readonly StageStatus[],
  { paint, width }: Pick<Context, "paint" | "width">,
  now: Date,
): string {
  const rows = stages.flatMap((stage) =>
    stage.hosts.flatMap((host) =>
      hostRows(stage, host, now).map((row, index): Cell[] => [index === 0 ? stage.stage : "", ...row]),
    ),
  );
  const checked = stages.some(({ verification }) => verification !== undefined);
  const head = ["STAGE", "HOST", "RUNS", "RELEASE", "DIGEST", "HEALTH", "SINCE", ...(checked ? ["VERIFIED"] : [])];
  const table = renderTable(head, rows, paint, width);
  const notes = stages.flatMap((stage) => stage.hosts.flatMap((host) => hostNotes(stage, host)));
  const drifted = stages.filter((stage) => stage.verdict === "drift").map((stage) => stage.stage);
  const inDev = stages.filter((stage) => stage.verdict === "dev").map((stage) => stage.stage);
  const unverified = stages.filter(({ verification }) => verification?.verified === false);
  const former = stages.flatMap(({ stage, formerHosts }) => formerHosts.map((host) => formerHostNote(stage, host)));
  const advice = [
    ...drifted.map((stage) => `mend it: envctl up ${stage}`),
    ...unverified
      .filter(({ verdict }) => verdict === "ok")
      .map(({ stage }) => `run the checks of ${stage} again: envctl verify ${stage}`),
    ...inDev.map(
      (stage) => `${stage} is no release as it runs; envctl up ${stage} makes one of the sources, and runs it`,
    ),
  ];
  return [
    `${paint("bold", environment)}`,
    table,
    ...[...notes, ...former, ...unverified.map(whyUnverified)].map((note) => `${paint("yellow", "!")} ${note}`),
    ...advice,
  ].join("\n");
}

function whyUnverified({ stage, expected, verification }: StageStatus): string {
  return `${stage}: ${expected?.name ?? "what runs there"} is not verified: ${verification?.why ?? ""}`;
}

/** Of the stage's app alone, as the release that its history has: of anything else nothing is proven. */
function verifiedCell({ expected, verification }: StageStatus, container: ContainerStatus): Cell {
  if (!verification || container.role !== "app" || container.standby || container.digest !== expected?.digest)
    return "";
  return verification.verified ? { text: "yes", style: "green" } : { text: "no", style: "yellow" };
}

function hostRows(stage: StageStatus, host: HostStatus, now: Date): Cell[][] {
  if (host.unreachable !== undefined) return [[host.host, { text: "out of reach", style: "red" }, "", "", "", ""]];
  if (host.containers.length === 0) {
    return [[host.host, { text: stage.expected ? "nothing" : "nothing yet", style: "dim" }, "", "", "", ""]];
  }
  const shown = host.containers.filter((container) => !isQuietProxy(container));
  return shown.map((container, index) => [
    index === 0 ? host.host : "",
    ...containerCells(container, now),
    verifiedCell(stage, container),
  ]);
}

/** A proxy that does what it should is `envctl proxy status`'s to show: here it would double every host. */
function isQuietProxy(container: ContainerStatus): boolean {
  return container.role === "proxy" && container.drift.length === 0 && container.healthNote === undefined;
}

function containerCells(container: ContainerStatus, now: Date): Cell[] {
  const { digest, startedAt } = container;
  return [
    container.standby ? `${container.workload} (standby)` : container.workload,
    container.role === "service" ? "" : releaseCell(container),
    digest !== undefined && isDigest(digest) ? shortDigest(digest) : "",
    healthCell(container),
    container.state === "running" && startedAt ? formatDuration(Math.max(0, now.getTime() - startedAt.getTime())) : "",
  ];
}

/** What was synced is no release any more: the name alone would lie. */
function releaseCell({ release = "", dev }: ContainerStatus): Cell {
  return dev && differsFromRelease(dev) ? { text: `${release} + dev`, style: "yellow" } : release;
}

function healthCell(container: ContainerStatus): Cell {
  if (container.state !== "running") return { text: container.state, style: "red" };
  if (container.health === "unhealthy") return { text: "unhealthy", style: "red" };
  if (container.drift.length > 0) return { text: "drifted", style: "yellow" };
  if (container.role === "proxy" && container.healthNote !== undefined) return { text: "maintenance", style: "yellow" };
  if (container.health === "starting") return { text: "starting", style: "yellow" };
  return { text: container.health === "healthy" ? "healthy" : "running", style: "green" };
}

function hostNotes(stage: StageStatus, host: HostStatus): string[] {
  if (host.unreachable !== undefined) return [`${stage.stage} ${host.host}: ${host.unreachable}`];
  return host.containers.flatMap((container) => {
    const { dev } = container;
    const at = `${stage.stage} ${host.host} ${container.name}`;
    const drift = container.drift.map(({ what, wanted, found }) => `${at}: ${what} should be ${wanted}, is ${found}`);
    if (dev && differsFromRelease(dev)) {
      const files = nameFiles(dev);
      drift.push(`${at}: ${describeDev(dev)}${files.length === 0 ? "" : ` (${files.join(", ")})`}`);
    }
    return container.healthNote === undefined ? drift : [...drift, `${at}: ${container.healthNote.trim()}`];
  });
}
