import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type HostAddress, parseHostAddress } from "../base/host.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { stageLabels } from "../rollout/observe.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { belongingsOn, clearHost, type DownHost, downHost, isNothing } from "./clear-host.ts";
import { whileLocked } from "./locked.ts";
import { openHosts } from "./open-hosts.ts";
import { readLastHosts } from "./read-last-hosts.ts";
import { recordDown } from "./record-down.ts";
import { sameEngine } from "./same-engine.ts";
import { stageSigner } from "./stage-signer.ts";

/** A host that a stage has no more. */
export interface FormerHost {
  readonly address: HostAddress;
  /** The history tells of it. */
  readonly known: boolean;
}

/** What was taken down there. */
export interface FormerDown extends DownHost {
  /** The host of the stage that is the same engine: then all of it belongs to that one, and is left alone. */
  readonly sameAs: string | undefined;
}

/** The former host that was typed: by its address, or the end of one that the history tells of. Throws where the stage has it. */
export async function findFormerHost(workspace: Workspace, stage: Stage, typed: string): Promise<FormerHost> {
  const meant = (name: string) => name === typed || name.endsWith(`/${typed}`) || name.endsWith(`@${typed}`);
  const present = stage.hosts.find(({ name }) => meant(name));
  if (present) throw stillThere(stage, present);
  const last = await readLastHosts(workspace, stage);
  const ran = (last?.ran ?? []).filter((name) => !stage.hosts.some((host) => host.name === name));
  const known = ran.find(meant);
  const name = known ?? typed;
  // The files of its certificates are in the environment file alone.
  const named = workspace.environment.stages.flatMap(({ hosts }) => hosts).find((host) => host.name === name);
  const address = named ?? parseHostAddress(name);
  if (address) return { address, known: known !== undefined };
  throw new EnvctlError({
    code: "unknown-host",
    exitCode: ExitCode.usage,
    what: `"${typed}" is no address of a host, and no end of one on which ${stage.name} ran`,
    state: "nothing was touched",
    next:
      ran.length > 0 ? `its history tells of: ${ran.join(", ")}` : "write local, ssh://user@host or another address",
  });
}

/**
 * Takes a stage down on a host that it has no more. Its hosts must answer, too: where one of them turns out to be the same
 * engine under another name, nothing is removed. With `gone` the former host is not asked for anything.
 */
export async function takeDownFormer(
  workspace: Workspace,
  stage: Stage,
  { address, known }: FormerHost,
  options: { readonly volumes: boolean; readonly dryRun: boolean; readonly gone: boolean },
): Promise<FormerDown> {
  const { environment, progress, signal, connections } = workspace;
  const place = { environment: environment.name, stage: stage.name };
  const belongingsOfFormer = async () => {
    const engine = await connections.engine(address, signal).catch(tellOfGone(stage, address));
    return await belongingsOn(engine, place, options, signal);
  };
  const nothing = { host: address.name, containers: [], networks: [], volumes: [], proxies: [], sameAs: undefined };
  const [engines, found] = await progress.step("connect", () =>
    Promise.all([openHosts(workspace, stage), options.gone ? undefined : belongingsOfFormer()]),
  );
  const ids = new Set(found?.observed.containers.map(({ id }) => id));
  const isEmpty = found === undefined || isNothing(downHost(found));
  const asksMore = ids.size === 0 && !isEmpty && !options.dryRun;
  const sameAs = asksMore
    ? await sameEngine(workspace, stage, found.engine, engines)
    : await hostWith(ids, engines, place, signal);
  const belongings = sameAs === undefined ? found : undefined;
  const result = belongings ? { ...downHost(belongings), sameAs } : { ...nothing, sameAs };
  const [first] = engines;
  if (options.dryRun || (!known && isNothing(result)) || !first) return result;
  const signer = await stageSigner(workspace, options);
  await whileLocked(workspace, stage, first, `envctl down ${stage.name} --host ${address.name}`, async () => {
    if (belongings)
      await progress.step("take down", (at) => at.step(address.name, () => clearHost(workspace, belongings, options)));
    await recordDown(workspace, stage, { hosts: [address.name], former: true }, signer);
  });
  return result;
}

/** Engines give each container an id of its own: one that two of them have is on one engine. */
async function hostWith(
  ids: ReadonlySet<string>,
  engines: readonly Engine[],
  place: { readonly environment: string; readonly stage: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const labels = stageLabels(place.environment, place.stage);
  const own = await Promise.all(engines.map((engine) => engine.containers(labels, signal)));
  return engines.find((_, index) => own[index]?.some(({ id }) => ids.has(id)))?.name;
}

function stillThere(stage: Stage, host: HostAddress): EnvctlError {
  return new EnvctlError({
    code: "host-in-use",
    exitCode: ExitCode.usage,
    what: `${host.name} still belongs to ${stage.name}: what is taken down there comes back with the next release`,
    state: "nothing was touched",
    next: `take it out of the stage's hosts first; or all of ${stage.name}: envctl down ${stage.name}`,
  });
}

/** One that does not answer may be gone for good. */
function tellOfGone(stage: Stage, { name }: HostAddress) {
  return (error: unknown): never => {
    if (!(error instanceof EnvctlError) || error.exitCode !== ExitCode.unreachable) throw error;
    const { code, exitCode, message: what, where = name, evidence } = error;
    const next = `envctl down ${stage.name} --host ${name} --gone, if it is gone for good${error.next === undefined ? "" : `; else: ${error.next}`}`;
    throw new EnvctlError({ code, exitCode, what, where, state: "nothing was removed", next, evidence, cause: error });
  };
}
