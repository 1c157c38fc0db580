import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { HostAddress } from "../base/host.ts";
import { findBuilder } from "../build/builder.ts";
import type { Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { resolveSecrets } from "../secrets/resolve.ts";
import { whyNot, within } from "./ask-host.ts";

/** One thing that must hold for the tool to work. */
export interface Finding {
  readonly what: string;
  readonly verdict: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly next: string | undefined;
}

/** Tries everything that the verbs need, changing nothing. Findings come in a fixed order. */
export async function examine(workspace: Workspace, hostTimeout: number): Promise<Finding[]> {
  const check = (what: string, run: () => Promise<Outcome>) => tryOut(workspace, what, run);
  const groups = await Promise.all([
    check("builder", () => examineBuilder(workspace)),
    ...repositoriesOf(workspace).map(({ name, run }) => check(name, run)),
    ...hostsOf(workspace).map((host) => check(`host ${host.name}`, () => examineHost(workspace, host, hostTimeout))),
    ...workspace.environment.stages.map((stage) =>
      check(`secrets of ${stage.name}`, () => examineSecrets(workspace, stage)),
    ),
  ]);
  return groups.filter((finding) => finding !== undefined);
}

type Outcome = Pick<Finding, "verdict" | "detail"> | undefined;

async function tryOut({ signal }: Workspace, what: string, run: () => Promise<Outcome>): Promise<Finding | undefined> {
  try {
    const outcome = await run();
    return outcome && { what, ...outcome, next: undefined };
  } catch (error) {
    // What was interrupted tells nothing of what it tried.
    signal.throwIfAborted();
    const next = error instanceof EnvctlError ? error.next : undefined;
    return { what, verdict: "failed", detail: messageOf(error), next };
  }
}

async function examineBuilder(workspace: Workspace): Promise<Outcome> {
  const builder = await findBuilder({ variables: workspace.variables, signal: workspace.signal });
  if (builder.warning !== undefined) return { verdict: "warning", detail: builder.warning };
  return { verdict: "ok", detail: `${builder.kind} ${builder.version} (${builder.binary})` };
}

function repositoriesOf(workspace: Workspace) {
  const { environment, connections, signal } = workspace;
  const all = [environment.image, ...environment.stages.map((stage) => stage.repository)];
  const byName = new Map(
    all.map((repository) => [`${repository.registry ?? "embedded registry"}/${repository.path}`, repository]),
  );
  return [...byName].map(([name, repository]) => ({
    name: `repository ${name}`,
    run: async (): Promise<Outcome> => {
      const open = await connections.repository(repository);
      await open.registry.check(open.path, signal);
      return { verdict: "ok", detail: `answers at ${open.registry.host}` };
    },
  }));
}

function hostsOf(workspace: Workspace): HostAddress[] {
  return [
    ...new Map(workspace.environment.stages.flatMap((stage) => stage.hosts.map((host) => [host.name, host]))).values(),
  ];
}

async function examineHost(workspace: Workspace, host: HostAddress, hostTimeout: number): Promise<Outcome> {
  const signal = within(workspace, hostTimeout);
  const found = await describeHost(workspace, host, signal).catch((error: unknown) => {
    if (!signal.aborted || error instanceof EnvctlError) throw error;
    throw new EnvctlError({
      code: "host-unreachable",
      exitCode: ExitCode.unreachable,
      what: whyNot(error, signal, hostTimeout),
      next: "look whether it is up; --host-timeout waits longer",
      cause: error,
    });
  });
  const detail = `${found.product} ${found.version}, API ${found.apiVersion}, ${found.platform}`;
  const { platforms } = workspace.environment.image;
  if (platforms.length > 0 && !platforms.includes(found.platform)) {
    return { verdict: "failed", detail: `${detail}: image.platforms has only ${platforms.join(", ")}` };
  }
  if (workspace.environment.image.registry === undefined && host.kind === "tcp") {
    return {
      verdict: "warning",
      detail: `${detail}; images are streamed whole: a registry in image.repository would send only missing layers`,
    };
  }
  return { verdict: "ok", detail };
}

async function describeHost({ connections }: Workspace, host: HostAddress, signal: AbortSignal) {
  return await (await connections.engine(host, signal)).describe(signal);
}

async function examineSecrets(workspace: Workspace, stage: Stage): Promise<Outcome> {
  const names = [...new Set([stage.app, ...stage.workers, ...stage.services].flatMap((workload) => workload.secrets))];
  if (names.length === 0) return undefined;
  const resolved = await resolveSecrets(names, {
    stage: stage.name,
    directory: workspace.environment.directory,
    variables: workspace.variables,
  });
  if (resolved.warnings.length > 0) return { verdict: "warning", detail: resolved.warnings.join("; ") };
  return { verdict: "ok", detail: `${names.length} found` };
}
