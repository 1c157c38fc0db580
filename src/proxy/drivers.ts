import type { ProxyDriver, ProxyDriverName } from "./proxy.ts";

/** Loaded when they are asked for. A new driver is its files and a line here. */
const drivers: Readonly<Record<ProxyDriverName, () => Promise<ProxyDriver>>> = {
  caddy: async () => (await import("./caddy.ts")).caddy,
  haproxy: async () => (await import("./haproxy.ts")).haproxy,
};

export async function proxyDriver(name: ProxyDriverName): Promise<ProxyDriver> {
  return await drivers[name]();
}

/** The driver of a proxy that is there already, whose name was read from a label. Undefined for one of another version. */
export function isProxyDriver(name: string): name is ProxyDriverName {
  return Object.hasOwn(drivers, name);
}
