import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { desiredSites } from "../plan/proxies.ts";
import { proxyDriver } from "../proxy/drivers.ts";
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
  const place = { environment: workspace.environment.name, stage: stage.name };
  const running = { release: { name: "" }, upstreams: ["app"] };
  for (const { site } of desiredSites(place, stage, running, certificate?.fingerprint)) {
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
