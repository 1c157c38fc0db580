import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { WatchedApp } from "./watched-app.ts";

/** How long a connection stands open before its request. Milliseconds. */
const silence = 1500;
const drivers = [
  { driver: "caddy", port: 18_631 },
  { driver: "haproxy", port: 18_632 },
] as const;

/** Connects, waits, and only then asks: as a browser does that expects a click. Resolves with the status, or what came instead. */
function askEarly(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    socket.on("error", (error) => resolve(String(error)));
    socket.on("close", () =>
      resolve(text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length) || "closed without an answer"),
    );
    socket.on("connect", async () => {
      await wait(silence);
      socket.write("GET / HTTP/1.1\r\nHost: early\r\nConnection: close\r\n\r\n");
    });
  });
}

/** What clients were answered that connected meanwhile, and for a while before; nobody else asks. */
async function answersDuring(port: number, work: () => Promise<unknown>): Promise<string[]> {
  const answers: Promise<string>[] = [];
  let open = true;
  const connecting = (async () => {
    for (; open; await wait(50)) answers.push(askEarly(port));
  })();
  await wait(silence);
  try {
    await work();
  } finally {
    open = false;
    await connecting;
  }
  return await Promise.all(answers);
}

describeLab("clients that connect long before they ask", () => {
  let lab: Lab;
  let app: WatchedApp;

  beforeAll(async () => {
    lab = await useLab();
    await Promise.all(drivers.map(({ driver }) => ensureBaseImage(driver)));
    const stages = drivers.map(({ driver, port }) => [
      driver,
      `{ after: dev, hosts: ["unix://${lab.localSocket}"], ports: ["${port}:8080"], proxy: { driver: ${driver}, response_timeout: 30s } }`,
    ]);
    app = new WatchedApp(lab, { name: `early${process.pid}`, stages: { dev: "{}", ...Object.fromEntries(stages) } });
    await bring("first");
    for (const { driver } of drivers) await app.envctl("promote", driver);
    await bring("second");
  });
  afterAll(async () => {
    await app?.remove();
  });

  const bring = async (text: string) => {
    app.release(`${text}-${process.pid}`);
    await app.envctl("up", "dev");
  };

  it.each(drivers)("are all answered while $driver is given another release", async ({ driver, port }) => {
    // With another timeout there is more to tell Caddy than the release.
    for (const [verb, timeout] of [
      ["promote", "31s"],
      ["rollback", "32s"],
      ["promote", "32s"],
      ["rollback", "32s"],
    ] as const) {
      const file = join(app.folder, "envctl.yaml");
      writeFileSync(
        file,
        readFileSync(file, "utf8").replaceAll(/response_timeout: \d+s/g, `response_timeout: ${timeout}`),
      );
      const answers = await answersDuring(port, () => app.envctl(verb, driver));
      expect(answers.length).toBeGreaterThan(20);
      expect(answers.filter((answer) => answer !== "200")).toEqual([]);
    }
  });
});
