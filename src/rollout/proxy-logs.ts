import type { LogLine } from "../engine/engine.ts";
import type { Access, ProxyDriver, Site } from "../proxy/proxy.ts";
import { type LogRequest, readLogs, type StageContainer } from "./logs.ts";
import { driverOf } from "./proxy-host.ts";
import type { FoundProxy } from "./proxy-state.ts";

/** One line of a proxy. */
export interface ProxyLine {
  readonly host: string;
  readonly proxy: string;
  readonly line: LogLine;
  /** Where it tells of a request. */
  readonly access: Access | undefined;
}

/** Reads the output of several proxies at once. Without `all`, only lines that concern the site `id`. */
export async function readProxyLogs(
  proxies: readonly (FoundProxy & Pick<StageContainer, "engine">)[],
  wish: LogRequest & { readonly id: string; readonly all: boolean },
  write: (line: ProxyLine) => void,
): Promise<void> {
  const known = new Map<
    string,
    { readonly driver: ProxyDriver; readonly own: boolean; readonly site: Site | undefined }
  >();
  for (const { engine, container, sites } of proxies) {
    const site = sites.find(({ id }) => id === wish.id);
    known.set(container.id, { driver: await driverOf(container, engine.name), own: sites.length === 1, site });
  }
  await readLogs(proxies, wish, ({ engine, container }, line) => {
    const found = known.get(container.id);
    const access = found?.driver.readAccess(line.text);
    const concerns = access ? access.site === wish.id : (found?.own ?? false) || mentions(line.text, found?.site);
    if (wish.all || concerns) write({ host: engine.name, proxy: container.name, line, access });
  });
}

/** Errors carry no mark: one that names the site's domain or one of its containers is taken for the site's. */
function mentions(text: string, site: Site | undefined): boolean {
  if (!site) return false;
  const names = [...site.domains, ...site.upstreams.map(({ name }) => name)];
  return names.some((name) => text.includes(name));
}
