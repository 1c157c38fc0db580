import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { networkName } from "../plan/naming.ts";
import type { ObservedHost } from "../plan/observed.ts";
import { passingPort } from "../plan/passing-ports.ts";
import type { StagePlan } from "../plan/plan.ts";
import { type DesiredSite, desiredSites } from "../plan/proxies.ts";
import { type SiteConflict, siteConflicts } from "../plan/site-conflicts.ts";
import { proxyDriver } from "../proxy/drivers.ts";
import type { ProxyDriver } from "../proxy/proxy.ts";
import type { Certificate } from "../rollout/certificate.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** Before anything is touched: what the stage's proxy could never serve. Throws `proxy-refuses` (exit 2). */
export async function requireServable(
  workspace: Workspace,
  stage: Stage,
  certificate: Certificate | undefined,
): Promise<void> {
  if (!stage.proxy) return;
  const driver = await proxyDriver(stage.proxy.driver);
  for (const { site } of wantedSites(workspace, stage, certificate)) {
    const why = driver.refuses(site);
    if (why === undefined) continue;
    throw new EnvctlError({
      code: "proxy-refuses",
      exitCode: ExitCode.usage,
      what: `${driver.name} cannot serve stage ${stage.name}: ${why}`,
      where: `${workspace.environment.file}, stages.${stage.name}`,
      state: "nothing was touched",
      next: "change `domain` or `proxy` of the stage; the README tells what each driver can do",
    });
  }
}

/**
 * Before anything is switched: who has the stage's names already, and what proxies that are there would refuse in the
 * midst of it. Throws `names-taken`, `domain-taken`, `proxy-differs` or `proxy-full` (exit 2).
 */
export async function requireFree(
  workspace: Workspace,
  stage: Stage,
  observed: readonly ObservedHost[],
): Promise<void> {
  requireOwnNames(workspace, stage, observed);
  if (!stage.proxy) return;
  const wanted = wantedSites(workspace, stage, undefined);
  const driver = await proxyDriver(stage.proxy.driver);
  for (const host of observed) requireRoom(driver, host, wanted);
  const conflicts = observed.flatMap((host) => siteConflicts(host, wanted));
  const [first] = conflicts;
  if (!first) return;
  throw new EnvctlError({
    code: first.kind === "taken" ? "domain-taken" : "proxy-differs",
    exitCode: ExitCode.usage,
    what: first.what,
    where: [...new Set(conflicts.map(({ host }) => host))].join(", "),
    state: "nothing was switched: the proxy serves what it served",
    evidence: conflicts.slice(1).map(({ host, what }) => `${host}: ${what}`),
    next: first.kind === "taken" ? wayOutOfName(first) : wayOutOfProgram(first, stage, conflicts),
  });
}

function wayOutOfName({ rival }: SiteConflict & { readonly kind: "taken" }): string {
  return `give one of them another \`domain\` or \`proxy.path\`; if the name moved, first: envctl up ${rival.stage} (of ${rival.environment}), or envctl down ${rival.stage}`;
}

function wayOutOfProgram(
  { driver }: SiteConflict & { readonly kind: "driver" },
  stage: Stage,
  conflicts: readonly SiteConflict[],
): string {
  const remain = `set \`proxy.driver: ${driver}\`, or give this stage other ports (\`proxy.http_port\`, \`proxy.https_port\`)`;
  const alone = conflicts.every((conflict) => conflict.kind === "driver" && conflict.alone);
  if (!alone) return remain;
  return `${remain}; no other stage is served by it, so it can give way, which closes the ports until the next one is there: envctl proxy remove ${stage.name}, then the same command`;
}

/** Two databases that write into one volume are the end of both. */
function requireOwnNames({ environment }: Workspace, stage: Stage, observed: readonly ObservedHost[]): void {
  const taken = observed.flatMap(({ name, rivals }) => rivals.map((rival) => ({ host: name, rival })));
  const [first] = taken;
  if (!first) return;
  const { rival } = first;
  const name = networkName({ environment: environment.name, stage: stage.name });
  throw new EnvctlError({
    code: "names-taken",
    exitCode: ExitCode.usage,
    what: `stage ${stage.name} of ${environment.name} and stage ${rival.stage} of ${rival.environment} are both ${name}, and would share network and volumes`,
    where: [...new Set(taken.map(({ host }) => host))].join(", "),
    state: "no host was touched",
    next: `give one of the stages another name or another host; if it is the same one, renamed, first in the old file: envctl down ${rival.stage} (--volumes takes away its data, too)`,
  });
}

/** Throws `port-passes` (exit 2) for a port of the stage's own app, worker or proxy that a service is to have with the same command. */
export function requireGiven(
  { environment }: Workspace,
  stage: Stage,
  observed: readonly ObservedHost[],
  plan: StagePlan,
): void {
  const place = { environment: environment.name, stage: stage.name };
  for (const [index, host] of observed.entries()) {
    const hostPlan = plan.hosts[index];
    const found = hostPlan && passingPort(host, hostPlan, place);
    if (!found) continue;
    const { port, service, holder } = found;
    throw new EnvctlError({
      code: "port-passes",
      exitCode: ExitCode.usage,
      what: `port ${port} cannot pass to the service ${service} in one go: ${holder.name} has it until the release is there, and services start before that`,
      where: `${host.name}, stage ${stage.name}`,
      state: "no host was touched",
      next: `in two steps: the same command without port ${port} at ${service}, which takes it from ${holder.name}; then with it`,
    });
  }
}

function requireRoom(driver: ProxyDriver, host: ObservedHost, wanted: readonly DesiredSite[]): void {
  for (const { proxy, site } of wanted) {
    const found = host.proxies.find(({ container }) => container.name === proxy.name);
    const others = (found?.sites ?? []).filter(({ id }) => id !== site.id);
    const why = driver.refusesTogether?.([...others, site]);
    if (why === undefined) continue;
    throw new EnvctlError({
      code: "proxy-full",
      exitCode: ExitCode.usage,
      what: `the proxy ${proxy.name} cannot serve stage ${site.stage} as well: ${why}`,
      where: host.name,
      state: "nothing was switched: the proxy serves what it served",
      next: "give this stage other ports (`proxy.http_port`, `proxy.https_port`) or another host, or let Caddy serve them all (`proxy.driver: caddy`)",
    });
  }
}

function wantedSites(workspace: Workspace, stage: Stage, certificate: Certificate | undefined): DesiredSite[] {
  const place = { environment: workspace.environment.name, stage: stage.name };
  const running = { release: { name: "" }, upstreams: [{ name: "app" }] };
  return desiredSites(place, stage, running, certificate?.fingerprint);
}
