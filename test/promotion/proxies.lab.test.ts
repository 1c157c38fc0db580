import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { ask } from "../proxy/request.ts";
import { askDuring } from "./background.ts";
import { cli, docker, Project, runningContainers } from "./project.ts";

const [http, https] = [18_081, 18_444];
const proxyName = `envctl-proxy-${http}-${https}`;
const healthy = "app: { port: 8080, health: { path: /index.html, interval: 200ms, retries: 25 }, stop: { grace: 1s } }";
const shared = (more = "") =>
  `proxy: { http_port: ${http}, https_port: ${https}, tls: "off", drain: 1s${more === "" ? "" : `, ${more}`} }`;

interface ProxyDocument {
  readonly hosts: {
    readonly host: string;
    readonly reachable: boolean;
    readonly proxies: {
      readonly name: string;
      readonly state: string;
      readonly live: boolean;
      readonly warnings: string[];
      readonly sites: {
        readonly id: string;
        readonly domains: string[];
        readonly release: string;
        readonly maintenance: boolean;
      }[];
    }[];
  }[];
}

interface Plan {
  readonly plan: {
    readonly hosts: { readonly gap: boolean; readonly steps: { readonly kind: string; readonly what: string }[] }[];
    readonly notes: string[];
  };
}

/** Two environments of different people on one host: each has a domain there, and one proxy serves both. */
describeLab("proxies that stages share", () => {
  let lab: Lab;
  let shop: Project;
  let blog: Project;
  let prod1: { readonly ip: string; readonly socket: string };

  const shopStages = (prod = 'domain: shop.test, env: { X: "1" }', more = "") =>
    `${healthy}\n${shared("maintenance_page: away.html, error_page: broken.html")}\nstages:\n  dev: { hosts: [ssh://test1] }\n  prod: { hosts: [ssh://prod1, ssh://prod2], ${prod} }${more}`;
  const blogStages = (live = "domain: blog.test", driver = "") =>
    `${healthy}\n${shared(driver)}\nstages: { live: { hosts: [ssh://prod1], ${live} } }`;
  const page = async (host: string, ip = prod1.ip, path = "/") => {
    const { status, text } = await ask(ip, { host, port: http, path });
    return `${status} ${text.trim()}`;
  };
  const proxies = async (project: Project, ...args: string[]) =>
    await project.json<ProxyDocument>("proxy", "status", ...args);
  const proxyOn = async (project: Project) =>
    (await proxies(project)).hosts
      .find(({ host }) => host === "ssh://prod1")
      ?.proxies.find(({ name }) => name === proxyName);
  const onHost = (socket: string, ...args: string[]) => docker(socket, ...args).then((text) => text.split("\n"));

  beforeAll(async () => {
    lab = await useLab();
    prod1 = lab.host("prod1");
    shop = new Project(lab);
    blog = new Project(lab);
    shop.write("away.html", "<h1>back at nine</h1>\n");
    shop.write("broken.html", "<h1>our fault</h1>\n");
    shop.page("shop one");
    blog.page("blog one");
    shop.environment(shopStages());
    blog.environment(blogStages());
    await Promise.all([shop.ok("up", "dev").then(() => shop.ok("promote", "prod")), blog.ok("up", "live")]);
  }, 180_000);

  it("are one on each host, whose status tells of all that it serves", async () => {
    expect([await page("shop.test"), await page("blog.test"), await page("else.test")]).toEqual([
      "200 shop one",
      "200 blog one",
      "404 Nothing is served here.",
    ]);
    expect(await page("shop.test", lab.host("prod2").ip)).toBe("200 shop one");
    expect(await onHost(prod1.socket, "ps", "--format", "{{.Names}}", "--filter", "label=envctl.role=proxy")).toEqual([
      proxyName,
    ]);
    const { hosts } = await proxies(shop);
    expect(hosts.map(({ host, proxies: found }) => [host, found.length])).toEqual([
      ["ssh://test1", 0],
      ["ssh://prod1", 1],
      ["ssh://prod2", 1],
    ]);
    const found = await proxyOn(shop);
    expect(found).toMatchObject({ state: "running", live: true, warnings: [] });
    expect(found?.sites.map(({ domains }) => domains).sort()).toEqual([["blog.test"], ["shop.test"]]);
    const text = (await shop.ok("proxy", "status", "prod")).stdout;
    expect(text).toMatch(new RegExp(`ssh://prod1 +${proxyName} +caddy .* running .*${http}, ${https}`));
    expect(text).toMatch(new RegExp(`ssh://prod1 +blog.test +live \\(${blog.name}\\) .* off +serving`));
  });

  it("log each stage's requests, told apart", async () => {
    await ask(prod1.ip, { host: "shop.test", port: http, path: "/seen-by-shop" });
    await ask(prod1.ip, { host: "blog.test", port: http, path: "/seen-by-blog" });
    const text = async (...args: string[]) => (await shop.ok("proxy", "logs", "prod", "--since", "1m", ...args)).stdout;
    await expect
      .poll(() => text())
      .toMatch(
        new RegExp(
          `^\\d\\d:\\d\\d:\\d\\d {2}ssh://prod1 {2}404 .*ms {2}${shop.name}-prod-app-\\S+ {2}GET shop.test/seen-by-shop$`,
          "m",
        ),
      );
    expect(await text()).not.toContain("seen-by-blog");
    expect(await text("--all", "--host", "prod1")).toMatch(/seen-by-shop[\s\S]*seen-by-blog/);
    const { lines } = await shop.json<{ lines: { host: string; access: { status: number; site: string } }[] }>(
      "proxy",
      "logs",
      "prod",
      "--since",
      "1m",
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        host: "ssh://prod1",
        access: expect.objectContaining({ status: 404, site: `${shop.name}-prod` }),
      }),
    );
  });

  it("log requests as they come, until Ctrl-C", async () => {
    const args = [cli, "proxy", "logs", "prod", "--follow", "--tail", "0", "--json"];
    const child = execa(process.execPath, args, { cwd: shop.folder, env: shop.env, reject: false });
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
    });
    // Whoever follows is there in a moment; nothing tells when.
    await expect
      .poll(async () => {
        await ask(prod1.ip, { host: "shop.test", port: http, path: "/seen-at-once" });
        return seen;
      })
      .toMatch(/seen-at-once/);
    child.kill("SIGINT");
    const { exitCode, stderr } = await child;
    expect([exitCode, stderr]).toEqual([130, expect.not.stringMatching(/✗/)]);
    const lines = seen
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { access: { uri: string } });
    expect(lines.every(({ access }) => access !== null)).toBe(true);
  });

  it("keep others out of a name that is taken, before anything is switched", async () => {
    const rival = new Project(lab);
    rival.environment(blogStages("domain: [new.test, shop.test]"));
    const refused = await rival.run("up", "live");
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringMatching(
        new RegExp(
          `shop.test is wanted by stage live of ${rival.name} and by stage prod of ${shop.name}[\\s\\S]*nothing was switched`,
        ),
      ),
    ]);
    expect(await runningContainers(prod1.socket, rival.name, "live")).toEqual([]);
    rival.environment(blogStages("domain: new.test", "driver: haproxy"));
    const differs = await rival.run("up", "live");
    expect([differs.exitCode, differs.stderr]).toEqual([
      2,
      expect.stringMatching(
        new RegExp(`${proxyName} is caddy, and stage live asks for haproxy[\\s\\S]*proxy.driver: caddy`),
      ),
    ]);
    // Another path of the same name is another place.
    rival.page("rival");
    rival.environment(blogStages("domain: shop.test, proxy: { path: /rival, strip_path: true }"));
    await rival.ok("up", "live");
    expect([await page("shop.test", prod1.ip, "/rival/index.html"), await page("shop.test")]).toEqual([
      "200 rival",
      "200 shop one",
    ]);
    await rival.ok("down", "live", "--yes");
    expect(await page("shop.test", prod1.ip, "/rival/index.html")).toMatch(/^404/);
    expect((await proxyOn(shop))?.sites.map(({ domains }) => domains).sort()).toEqual([["blog.test"], ["shop.test"]]);
  });

  it("answer with the user's own pages: while the app is gone, and during maintenance", async () => {
    const apps = await runningContainers(prod1.socket, shop.name, "prod");
    await docker(prod1.socket, "stop", "-t", "0", apps[0]?.Id ?? "");
    expect(await page("shop.test")).toBe("502 <h1>our fault</h1>");
    expect(await page("blog.test")).toBe("200 blog one");
    await docker(prod1.socket, "start", apps[0]?.Id ?? "");

    expect(await shop.json("maintenance", "on", "prod", "--dry-run")).toMatchObject({ changed: false, dryRun: true });
    expect(await page("shop.test")).toBe("200 shop one");
    expect(await shop.json("maintenance", "on", "prod")).toMatchObject({ changed: true });
    expect(await shop.json("maintenance", "on", "prod")).toMatchObject({ changed: false });
    for (const ip of [prod1.ip, lab.host("prod2").ip]) {
      expect(await page("shop.test", ip)).toBe("503 <h1>back at nine</h1>");
    }
    expect(await page("blog.test")).toBe("200 blog one");
    expect((await shop.ok("status", "prod")).stdout).toMatch(/proxy .*maintenance/);
    shop.write("away.html", "<h1>back at ten</h1>\n");
    expect(await shop.json("maintenance", "on", "prod")).toMatchObject({ changed: true });
    expect(await page("shop.test")).toBe("503 <h1>back at ten</h1>");

    shop.page("shop two");
    await shop.ok("up", "dev");
    expect((await shop.json<Plan>("plan", "prod")).plan.notes).toContainEqual(
      expect.stringMatching(/maintenance page on ssh:\/\/prod1, ssh:\/\/prod2, until envctl maintenance off prod/),
    );
    const answers = await askDuring(prod1.ip, { host: "shop.test", port: http }, () => shop.ok("promote", "prod"));
    expect(Object.keys(answers.counts)).toEqual(["503"]);
    expect(answers.bodies).toEqual(new Set(["<h1>back at ten</h1>"]));
    expect((await shop.ok("maintenance", "off", "prod")).stdout).toMatch(
      /gave clients of prod the app on ssh:\/\/prod1/,
    );
    expect(await page("shop.test")).toBe("200 shop two");
    const without = await shop.run("maintenance", "on", "dev");
    expect([without.exitCode, without.stderr]).toEqual([
      2,
      expect.stringMatching(/dev has no proxy[\s\S]*next: +give/),
    ]);
  });

  it("are made new by what was told them, and a reload loses no request", async () => {
    const asked = { host: "blog.test", port: http };
    const changed =
      'sed "s/blog one//; s/\\"shop.test\\"/\\"other.test\\"/" /envctl/caddy.json > /tmp/hand.json && sed -i "s/body\\":\\"[0-9a-f]\\{16\\}/body\\":\\"by-hand/" /tmp/hand.json && caddy reload --config /tmp/hand.json --address unix//run/caddy-admin.sock';
    await docker(prod1.socket, "exec", proxyName, "sh", "-c", changed);
    expect(await page("shop.test")).toMatch(/^404/);
    expect(await proxyOn(shop)).toMatchObject({
      live: false,
      warnings: [expect.stringMatching(/what is live \(by-hand\) is not what it was told last/)],
    });
    const answers = await askDuring(prod1.ip, asked, () => shop.ok("proxy", "reload", "prod"));
    expect(Object.keys(answers.counts)).toEqual(["200"]);
    expect(await page("shop.test")).toBe("200 shop two");
    expect(await proxyOn(shop)).toMatchObject({ live: true, warnings: [] });

    const id = () => docker(prod1.socket, "inspect", "-f", "{{.Id}}", proxyName);
    const before = await id();
    expect((await shop.run("proxy", "reload", "prod", "--recreate")).exitCode).toBe(2);
    expect((await shop.ok("proxy", "reload", "prod", "--recreate", "--dry-run")).stdout).toMatch(
      /gap of about a second/,
    );
    expect(await id()).toBe(before);
    await shop.ok("proxy", "reload", "prod", "--recreate", "--yes");
    expect(await id()).not.toBe(before);
    expect([await page("shop.test"), await page("blog.test")]).toEqual(["200 shop two", "200 blog one"]);
    expect(await proxyOn(shop)).toMatchObject({ live: true, warnings: [] });
  });

  it("come back with the program they had, where another image has none that runs", async () => {
    const file = await readFile(join(shop.folder, "envctl.yaml"), "utf8");
    shop.write("envctl.yaml", file.replace("proxy: { http_port", "proxy: { image: busybox, http_port"));
    const result = await shop.run("proxy", "reload", "prod", "--recreate", "--yes");
    shop.write("envctl.yaml", file);
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/ssh:\/\/prod1[\s\S]*state: the proxy that was there before serves again/),
    ]);
    expect([await page("shop.test"), await page("blog.test")]).toEqual(["200 shop two", "200 blog one"]);
    expect(await proxyOn(shop)).toMatchObject({ state: "running", live: true, warnings: [] });
    const images = await onHost(prod1.socket, "ps", "--format", "{{.Image}}", "--filter", `name=^${proxyName}$`);
    expect(images).toEqual([expect.stringMatching(/caddy/)]);
  });

  it("come back after a restart of the engine, and still serve the right releases", async () => {
    const pid = Number(await readFile(join(dirname(prod1.socket), "docker.pid"), "utf8"));
    process.kill(pid, "SIGTERM");
    try {
      await expect
        .poll(() => docker(prod1.socket, "version").then(String, String), { timeout: 30_000 })
        .toMatch(/connect/);
      const { hosts } = await proxies(shop, "prod", "--host-timeout", "10s");
      expect(hosts.map(({ reachable }) => reachable)).toEqual([false, true]);
    } finally {
      await lab.startEngine("prod1");
    }
    await expect.poll(() => page("shop.test").catch(String), { timeout: 20_000 }).toBe("200 shop two");
    await expect.poll(() => page("blog.test").catch(String), { timeout: 20_000 }).toBe("200 blog one");
    expect(await proxyOn(shop)).toMatchObject({ live: true });
    expect(await blog.json("up", "live")).toMatchObject({ changed: false });
  });

  it("forget a domain that is gone from the file, or moved to another stage", async () => {
    blog.environment(blogStages("domain: news.test"));
    await blog.ok("up", "live");
    expect([await page("blog.test"), await page("news.test")]).toEqual(["404 Nothing is served here.", "200 blog one"]);
    const moved = `${healthy}\n${shared()}\nstages: { live: { hosts: [ssh://prod1] }, next: { after: [], hosts: [ssh://prod1], domain: news.test } }`;
    blog.environment(moved);
    const early = await blog.run("up", "next");
    expect([early.exitCode, early.stderr]).toEqual([
      2,
      expect.stringMatching(/if the name moved, first: envctl up live/),
    ]);
    await blog.ok("up", "live");
    expect(await page("news.test")).toMatch(/^404/);
    const networks = await docker(prod1.socket, "inspect", "-f", "{{json .NetworkSettings.Networks}}", proxyName);
    expect(networks).not.toContain(`${blog.name}-live`);
    await blog.ok("up", "next");
    expect(await page("news.test")).toBe("200 blog one");
    await blog.ok("down", "live", "--yes");
    expect(await page("news.test")).toBe("200 blog one");
  });

  it("lose a stage that the file no longer has with the next prune", async () => {
    blog.environment(
      `${healthy}\n${shared()}\nstages: { next: { hosts: [ssh://prod1], domain: news.test }, gone: { after: [], hosts: [ssh://prod1], domain: gone.test } }`,
    );
    await blog.ok("up", "gone");
    expect(await page("gone.test")).toBe("200 blog one");
    blog.environment(`${healthy}\n${shared()}\nstages: { next: { hosts: [ssh://prod1], domain: news.test } }`);
    expect((await blog.ok("prune", "--dry-run")).stdout).toMatch(
      new RegExp(`network ${blog.name}-gone, the site of gone in ${proxyName}`),
    );
    await blog.ok("prune", "--yes");
    expect([await page("gone.test"), await page("news.test")]).toEqual(["404 Nothing is served here.", "200 blog one"]);
    expect(await docker(prod1.socket, "network", "ls", "-q", "--filter", `name=${blog.name}-gone`)).toBe("");
  });

  it("are removed for all only by somebody who knows whom that cuts off", async () => {
    const refused = await shop.run("proxy", "remove", "prod");
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringMatching(
        new RegExp(
          `others than prod[\\s\\S]*ssh://prod1: ${blog.name} next \\(news.test\\)[\\s\\S]*nothing was removed|nothing was removed[\\s\\S]*${blog.name} next`,
        ),
      ),
    ]);
    expect(await page("news.test")).toBe("200 blog one");
    expect((await shop.ok("proxy", "remove", "prod", "--dry-run")).stdout).toMatch(
      new RegExp(`would remove ${proxyName}, volume 0-${proxyName}-envctl; it also serves ${blog.name} next`),
    );
    await shop.ok("proxy", "remove", "prod", "--yes", "--volumes");
    await expect(page("shop.test")).rejects.toThrow(/ECONNREFUSED/);
    expect(await onHost(prod1.socket, "volume", "ls", "-q", "--filter", `name=0-${proxyName}-`)).toEqual([""]);
    expect(await onHost(prod1.socket, "network", "ls", "-q", "--filter", "name=0-envctl-proxy")).toEqual([""]);
    expect((await shop.run("maintenance", "on", "prod")).exitCode).toBe(1);
    await shop.ok("up", "prod");
    await blog.ok("up", "next");
    expect([await page("shop.test"), await page("news.test")]).toEqual(["200 shop two", "200 blog one"]);
  });

  it("go with the last stage, and others notice nothing before", async () => {
    const asked = { host: "news.test", port: http };
    const answers = await askDuring(prod1.ip, asked, () => shop.ok("down", "prod", "--yes"));
    expect(Object.keys(answers.counts)).toEqual(["200"]);
    expect(await page("shop.test")).toMatch(/^404/);
    await expect(page("shop.test", lab.host("prod2").ip)).rejects.toThrow(/ECONNREFUSED/);
    await blog.ok("down", "next", "--yes");
    await expect(page("news.test")).rejects.toThrow(/ECONNREFUSED/);
    for (const { socket } of [prod1, lab.host("prod2")]) {
      expect(await onHost(socket, "ps", "-aq", "--filter", "label=envctl.role=proxy")).toEqual([""]);
      expect(await onHost(socket, "network", "ls", "-q", "--filter", "label=envctl.role=network")).toEqual([""]);
      // Certificates stay for the next proxy: authorities give out only so many.
      expect(await onHost(socket, "volume", "ls", "-q", "--filter", "label=envctl.role=proxy")).toEqual([
        `0-${proxyName}-caddy`,
      ]);
    }
  });
});
