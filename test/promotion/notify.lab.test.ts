import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signatureOf } from "../../src/notify/web-hook.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

interface Got {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly path: string;
}

describeLab("notifications", () => {
  let server: Server;
  let answers: number[];
  let got: Got[];
  let project: Project;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (part: string) => {
        body += part;
      });
      request.on("end", () => {
        got.push({ headers: request.headers, body, path: request.url ?? "" });
        response.writeHead(answers.shift() ?? 204, { "Retry-After": "0", Location: "http://127.0.0.1:1/" }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => void server?.close());

  describe("of what befalls a stage", () => {
    it("reach a web hook, signed and under one id however often it is tried, and a command", async () => {
      project = new Project(await useLab());
      answers = [503, 204];
      got = [];
      const { port } = server.address() as AddressInfo;
      project.environment(
        [
          "notify:",
          `  - { webhook: "http://127.0.0.1:${port}/hook/hush-hush", secret: HOOK_SECRET }`,
          `  - { webhook: "http://127.0.0.1:${port}/chat", body: text, on: [failed] }`,
          "  - { command: [tee, ../told.json], on: [up], stages: [dev] }",
          '  - { name: nobody, command: ["false"] }',
          "app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }",
          "stages: { dev: {} }",
        ].join("\n"),
      );
      project.env.HOOK_SECRET = "a secret of ours";
      const up = await project.run("up", "dev");
      expect(up.exitCode, up.stderr).toBe(0);
      expect(up.stderr).toContain("nobody could not be told");
      expect(up.stderr + up.stdout).not.toMatch(/hush-hush|a secret of ours/);
      expect(got.map(({ path }) => path)).toEqual(["/hook/hush-hush", "/hook/hush-hush"]);
      const [first, second] = got;
      expect(first?.headers["x-envctl-delivery"]).toBe(second?.headers["x-envctl-delivery"]);
      expect(second?.headers["x-envctl-event"]).toBe("up");
      const timestamp = Number(second?.headers["x-envctl-timestamp"]);
      expect(second?.headers["x-envctl-signature"]).toBe(
        signatureOf("a secret of ours", timestamp, second?.body ?? ""),
      );
      const event = JSON.parse(second?.body ?? "");
      expect(event).toMatchObject({ version: 1, event: "up", outcome: "succeeded", stage: "dev", hosts: ["local"] });
      expect(event.text).toContain(`${project.name}: dev runs ${event.release.name}`);
      expect(JSON.parse(readFileSync(join(project.folder, "../told.json"), "utf8"))).toEqual(event);
      expect((await project.run("config")).stdout).not.toContain("hush-hush");
    });

    it("tell of a failure in one sentence, and give up on an address that has moved", async () => {
      answers = [301, 204];
      got = [];
      const path = join(project.folder, "envctl.yaml");
      project.write(
        "envctl.yaml",
        `${readFileSync(path, "utf8")}tasks: { migrate: { command: ["false"], when: before-switch } }\n`,
      );
      project.page("two");
      const up = await project.run("up", "dev");
      expect(up.exitCode).toBe(1);
      expect(up.stderr).toContain("could not be told: it answers 301");
      const chat = got.find((one) => one.path === "/chat");
      expect(JSON.parse(chat?.body ?? "")).toEqual({
        text: expect.stringMatching(/bringing .* up in dev failed: .*migrate/),
      });
      expect(got).toHaveLength(2);
    });

    it("tell that a stage was taken down", async () => {
      answers = [];
      got = [];
      expect((await project.run("down", "dev", "--yes")).exitCode).toBe(0);
      expect(JSON.parse(got[0]?.body ?? "").text).toContain("dev was taken down");
    });
  });
});
