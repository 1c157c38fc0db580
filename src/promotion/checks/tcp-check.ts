import { messageOf } from "../../base/errors.ts";
import { type Engine, Label, type ObservedContainer } from "../../engine/engine.ts";
import type { CheckFrame, TcpCheck } from "../../environment/verification.ts";
import { portIn } from "../../plan/endpoint.ts";
import { isRunning } from "../../plan/observed.ts";
import { stageLabels } from "../../rollout/observe.ts";
import { dialContainer, staysOpen } from "../../rollout/probe.ts";
import type { Attempt, CheckedStage, Finding, Wrong } from "./check.ts";
import { HostAway, requireReach } from "./require-reach.ts";
import { overdue } from "./try-check.ts";

/** Connects to each container of the app that serves, or to a service; each connection must stay open for a moment. */
export async function checkTcp(
  check: TcpCheck & CheckFrame,
  checked: CheckedStage,
  attempt: Attempt,
): Promise<Finding> {
  const { workspace, stage, engines, running } = checked;
  if (check.service === undefined) {
    const found = await Promise.all(
      running.map(({ engine, container }) => {
        const own = { ...check, port: portIn(container, stage.app, check.port) };
        return connectTo(own, engine, container, attempt);
      }),
    );
    return { wrong: found.flat() };
  }
  const [home] = engines;
  if (!home) throw new RangeError(`stage ${stage.name} has no host`);
  const labels = {
    ...stageLabels(workspace.environment.name, stage.name),
    [Label.role]: "service",
    [Label.workload]: check.service,
  };
  const container = (await home.containers(labels, attempt.signal)).find(isRunning);
  if (!container) return { wrong: [{ where: home.name, what: `the service ${check.service} does not run` }] };
  return { wrong: await connectTo(check, home, container, attempt) };
}

async function connectTo(
  check: TcpCheck & CheckFrame,
  engine: Engine,
  container: ObservedContainer,
  { note, signal }: Attempt,
): Promise<Wrong[]> {
  const where = `port ${check.port} of ${container.name} on ${engine.name}`;
  try {
    const socket = await requireReach(engine, dialContainer(engine, container, check.port, signal), signal);
    if (!socket) return [{ where, what: "cannot be reached through this host's connection" }];
    try {
      await staysOpen(socket, signal);
    } finally {
      socket.destroy();
    }
    note(`connected to ${where}`);
    return [];
  } catch (error) {
    if (error instanceof HostAway) throw error.error;
    return [{ where, what: signal.aborted ? overdue(check) : `does not accept connections: ${messageOf(error)}` }];
  }
}
