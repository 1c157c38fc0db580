import { expect, it } from "vitest";
import type { Stage } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { requireFree } from "../../src/promotion/servable.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { readText } from "../environment/read.ts";
import { siteOf } from "../proxy/site.ts";

const text = `name: shop
image: { repository: shop }
app: { port: 8080 }
proxy: { driver: haproxy, tls: { certificate: a.pem, key: a.key } }
stages: { prod: { domain: prod.test } }
`;

it("a proxy that has as many certificates as it takes is found out before anything is switched", async () => {
  const { environment } = await readText(text, {}, { files: { "a.pem": "", "a.key": "" } });
  const workspace = { environment } as Workspace;
  const stage = environment?.stages[0] as Stage;
  const hostWith = (count: number) => {
    const sites = Array.from({ length: count }, (_, index) =>
      siteOf({ id: `s${index}`, domains: [`s${index}.test`], tls: { kind: "own", fingerprint: "1" } }),
    );
    const container = { name: "envctl-proxy" };
    return [
      { name: "web1", rivals: [], proxies: [{ container, driver: "haproxy", sites }] },
    ] as unknown as ObservedHost[];
  };
  await expect(requireFree(workspace, stage, hostWith(28))).resolves.toBeUndefined();
  await expect(requireFree(workspace, stage, hostWith(29))).rejects.toMatchObject({
    code: "proxy-full",
    exitCode: 2,
    message: expect.stringMatching(
      /^the proxy envctl-proxy cannot serve stage prod as well: one HAProxy takes 29 cert/,
    ),
    where: "web1",
    next: expect.stringContaining("proxy.https_port"),
  });
});
