import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { ObservedHost } from "../plan/observed.ts";
import { type DesiredSite, desiredSites } from "../plan/proxies.ts";
import { siteConflicts } from "../plan/site-conflicts.ts";
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
 * Before anything is switched: what proxies that are there would refuse in the midst of it. Throws `domain-taken`,
 * `proxy-differs` or `proxy-full` (exit 2).
 */
export async function requireFree(
  workspace: Workspace,
  stage: Stage,
  observed: readonly ObservedHost[],
): Promise<void> {
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
    next:
      first.kind === "taken"
        ? `give one of them another \`domain\` or \`proxy.path\`; if the name moved, first: envctl up ${first.rival.stage} (of ${first.rival.environment}), or envctl down ${first.rival.stage}`
        : `set \`proxy.driver: ${first.driver}\`, or give this stage other ports (\`proxy.http_port\`, \`proxy.https_port\`)`,
  });
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
