import fc from "fast-check";
import type { Site, Upstream } from "../../src/proxy/proxy.ts";

/** Any text, and those that proxies may take for more than a text. */
export const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^[{}\\"'`$%#<>(),;\n\r\t a-z.]{0,20}$/),
  fc.constantFrom(
    "\n  server evil evil:1",
    "'",
    "\\",
    "%[src]",
    '"$PATH"',
    '"',
    "# x",
    " if TRUE",
    "\r\nX: 1",
    "--",
    "}",
  ),
);

const upstream: fc.Arbitrary<Upstream> = fc.record({ name: text, port: fc.integer({ min: 1, max: 65535 }) });
const upstreams = fc.array(upstream, { minLength: 1, maxLength: 4 });

/** Sites of any text at all, as nobody may have checked it. */
export const site: fc.Arbitrary<Site> = fc.record({
  id: text,
  environment: text,
  stage: text,
  release: text,
  domains: fc.array(text, { maxLength: 3 }),
  path: text.map((path) => `/${path}`),
  stripPath: fc.boolean(),
  ports: fc.array(fc.integer({ min: 1, max: 65535 }), { maxLength: 2 }),
  tls: fc.oneof(
    fc.constant({ kind: "off" } as const),
    fc.constant({ kind: "internal" } as const),
    fc.record({
      kind: fc.constant("auto" as const),
      email: fc.option(text, { nil: undefined }),
      directory: fc.option(text, { nil: undefined }),
    }),
    fc.record({ kind: fc.constant("own" as const), fingerprint: text }),
  ),
  httpsPort: fc.integer({ min: 1, max: 65535 }),
  upstreams,
  canary: fc.option(fc.record({ upstreams, weight: fc.integer({ min: 1, max: 99 }) }), { nil: undefined }),
  maintenance: fc.boolean(),
  maintenancePage: fc.option(text, { nil: undefined }),
  errorPage: fc.option(text, { nil: undefined }),
  maxBody: fc.option(fc.nat(), { nil: undefined }),
  responseTimeout: fc.nat(),
  drain: fc.nat(),
  accessLog: fc.boolean(),
});
