import type { Site } from "../../src/proxy/proxy.ts";

/** A site as a stage with a domain has it, by plain HTTP. */
export function siteOf(changes: Partial<Site> = {}): Site {
  return {
    id: "shop-prod",
    environment: "shop",
    stage: "prod",
    release: "1.2.3",
    domains: ["shop.test"],
    path: "/",
    stripPath: false,
    ports: [],
    tls: { kind: "off" },
    httpsPort: 443,
    upstreams: [{ name: "blue", port: 3000 }],
    canary: undefined,
    maintenance: false,
    maintenancePage: undefined,
    errorPage: undefined,
    maxBody: undefined,
    responseTimeout: 30_000,
    drain: 5_000,
    accessLog: true,
    ...changes,
  };
}
