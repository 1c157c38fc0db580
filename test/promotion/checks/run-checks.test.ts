import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { Progress } from "../../../src/base/progress.ts";
import type { CheckedStage } from "../../../src/promotion/checks/check.ts";
import { runChecks } from "../../../src/promotion/checks/run-checks.ts";
import { minimal, readText } from "../../environment/read.ts";

it("sends the password of a check's address, and shows it nowhere", async () => {
  const folder = await mkdtemp(join(tmpdir(), "envctl-checks-"));
  const got: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    got.push(request.headers.authorization);
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const url = `http://robot:hush%21hush@127.0.0.1:${port}/healthz`;
    const check = `{ name: a, http: { url: "${url}" }, retries: 0 }`;
    const { environment } = await readText(`${minimal}stages:\n  dev:\n    verify: [${check}]\n`);
    const workspace = {
      environment,
      variables: { XDG_STATE_HOME: folder },
      clock: systemClock,
      progress: new Progress(() => {}),
      signal: new AbortController().signal,
    };
    const checked = { workspace, stage: environment?.stages[0], release: { name: "r" }, engines: [], running: [] };
    const results = await runChecks({ ...checked, secrets: {} } as unknown as CheckedStage, workspace.progress);
    expect(got).toEqual([`Basic ${Buffer.from("robot:hush!hush").toString("base64")}`]);
    const where = `http://robot:***@127.0.0.1:${port}/healthz`;
    expect(results).toMatchObject([{ wrong: [{ where, what: expect.stringContaining("500") }] }]);
    expect(await readFile(results[0]?.log ?? "", "utf8")).toContain(`GET ${where}: 500`);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});
