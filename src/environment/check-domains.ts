import type { Environment } from "./model.ts";
import type { Problems } from "./problems.ts";

/** Two stages on one host cannot be served under the same name and path by one proxy. */
export function checkDomains(environment: Environment, problems: Problems): void {
  const taken = new Map<string, string>();
  for (const { name, hosts, proxy } of environment.stages) {
    for (const host of proxy ? hosts : []) {
      for (const domain of proxy?.domains ?? []) {
        // With and without a slash at its end it is the same path.
        const path = proxy?.path.replace(/\/+$/, "");
        const key = JSON.stringify([host.name, proxy?.httpsPort, domain, path]);
        const rival = taken.get(key);
        if (rival === undefined || rival === name) {
          taken.set(key, name);
          continue;
        }
        problems.error(
          ["stages", name, "domain"],
          `${domain}${proxy?.path === "/" ? "" : proxy?.path} on ${host.name} is taken by stage ${rival} already`,
          "give one of them another domain or `proxy.path`, or another host",
        );
      }
    }
  }
}
