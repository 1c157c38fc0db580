import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { byGeneration, isRunning, roleOf, workloadOf } from "../plan/observed.ts";
import { lastLines } from "../rollout/last-lines.ts";
import type { StageContainer } from "../rollout/logs.ts";
import { stageLabels } from "../rollout/observe.ts";
import type { DevEvent } from "./dev-event.ts";

/** What became of a container between two looks. */
export interface ContainerChange {
  readonly from: StageContainer;
  /** `again`: it ended, and was started again before we looked. */
  readonly change: "started" | "ended" | "again" | "gone";
  /** True where it was not there at the look before. */
  readonly isNew: boolean;
}

/** The containers of a stage that matter: all that run, and of a workload of which none does, what ran last. */
export async function lookAt(
  engine: Engine,
  place: { readonly environment: string; readonly stage: string },
  before: ReadonlyMap<string, ObservedContainer> | undefined,
  signal: AbortSignal,
): Promise<readonly ObservedContainer[]> {
  const all = await engine.containers(stageLabels(place.environment, place.stage), signal);
  const programs = byGeneration(all.filter((found) => ["app", "worker", "service"].includes(roleOf(found))));
  return programs.filter((found) => {
    if (isRunning(found)) return true;
    const same = programs.filter((other) => workloadOf(other) === workloadOf(found));
    if (same.some(isRunning)) return false;
    return same.some(({ id }) => before?.has(id)) ? before?.has(found.id) === true : same[0] === found;
  });
}

/** Two looks at one engine, compared. */
export function compareLooks(
  engine: Engine,
  before: ReadonlyMap<string, ObservedContainer>,
  now: readonly ObservedContainer[],
): readonly ContainerChange[] {
  const changes: ContainerChange[] = [];
  const present = new Set(now.map(({ id }) => id));
  for (const container of now) {
    const known = before.get(container.id);
    const from = { engine, container };
    const started = container.startedAt?.getTime();
    if (container.state === "running") {
      const same = known?.state === "running" && known.startedAt?.getTime() === started;
      const again = known !== undefined && known.restartCount < container.restartCount && known.state === "running";
      if (!same) changes.push({ from, change: again ? "again" : "started", isNew: known === undefined });
    } else if (known === undefined || known.state === "running" || known.restartCount !== container.restartCount) {
      changes.push({ from, change: "ended", isNew: known === undefined });
    }
  }
  for (const [id, container] of before) {
    if (!present.has(id)) changes.push({ from: { engine, container }, change: "gone", isNew: false });
  }
  return changes;
}

/** For people, with the container's last words where it ended; `redact` takes secrets out of them. */
export async function containerEvent(
  { from, change }: ContainerChange,
  redact: (text: string) => string,
): Promise<DevEvent> {
  const { engine, container } = from;
  const isOver = (change === "ended" && container.state !== "paused") || change === "again";
  const lines = isOver ? await lastLines(engine, container.id, 10) : [];
  return {
    type: "container",
    host: engine.name,
    workload: workloadOf(container),
    container: container.name,
    change,
    text: words(container, change),
    lines: lines.map(redact),
  };
}

function words(container: ObservedContainer, change: ContainerChange["change"]): string {
  if (change === "started") return "runs again";
  if (change === "again") return "ended, and was started again by the engine";
  if (change === "gone") return "was removed by somebody else";
  if (container.state === "paused") return "was paused";
  if (container.outOfMemory) return "ran out of memory and was killed";
  const code = container.exitCode === undefined ? "" : ` with code ${container.exitCode}`;
  const again = container.state === "restarting" ? "; the engine starts it again" : "";
  return `ended${code}${again}`;
}
