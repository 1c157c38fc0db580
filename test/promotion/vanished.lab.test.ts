import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project, runningContainers } from "./project.ts";

/** Large enough that a pull is under way for seconds. */
const megabytes = 250;

const slowWays = [
  ["no packet reaches it any more", "ssh", "cut"],
  ["no packet reaches it any more while the image is streamed to it", "tcp", "cut"],
] as const;

describeLab("a host that goes away during a pull", () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await useLab();
    // Docker 20.10 takes containers that outlived their engine for stopped by hand, unless it keeps them running.
    await lab.addHost("gone", { tls: true, liveRestore: true, clientAliveInterval: 5 });
  }, 120_000);

  afterAll(async () => {
    await lab.removeHost("gone");
  });

  const ways: readonly (readonly [string, "ssh" | "tcp", "killEngine" | "cut"])[] = [
    ["its engine dies", "ssh", "killEngine"],
    // Each takes more than a minute: until a connection counts as dead, and the host's engine gives its own pull up.
    ...(process.env.ENVCTL_TESTS === "all" ? slowWays : []),
  ];

  it.each(ways)(
    "%s: exit 5, every host runs what it ran, and the same command finishes the work",
    async (_, kind, fault) => {
      const project = new Project(lab);
      const host = lab.host("gone");
      const { address = "", folder = "" } = host.tls ?? {};
      const files = `{ ca: ${folder}/ca.pem, cert: ${folder}/cert.pem, key: ${folder}/key.pem }`;
      const where = kind === "ssh" ? "ssh://gone" : `{ address: "${address}", tls: ${files} }`;
      project.environment(
        `app: { health: false, stop: { grace: 1s } }\nstages: { dev: {}, prod: { hosts: [ssh://prod1, ${where}] } }`,
      );
      const digests = async () =>
        await Promise.all(
          ["prod1", "gone"].map(async (name) =>
            (await runningContainers(lab.host(name).socket, project.name, "prod")).map(
              ({ Config }) => Config.Labels["envctl.digest"],
            ),
          ),
        );
      await project.ok("up", "dev");
      await project.ok("promote", "prod");
      const before = await digests();
      project.write(
        "Dockerfile",
        `FROM busybox\nRUN : ${project.name} && dd if=/dev/urandom of=/large bs=1M count=${megabytes}\nCMD ["httpd", "-f"]\n`,
      );
      const { release } = await project.json<{ release: { digest: string } }>("up", "dev");
      try {
        const result = await project.runUntil(["promote", "prod"], /gone › pull .*MB|the whole image travels/, () =>
          lab[fault]("gone"),
        );
        expect([result.exitCode, result.stderr]).toEqual([
          5,
          expect.stringMatching(
            /where: (?:ssh:\/\/gone|tcp:\S+)\n[\s\S]*state: nothing was switched: what ran before still runs on every host\n +next: /,
          ),
        ]);
        expect(result.took).toBeLessThan(90_000);
      } finally {
        await lab.heal("gone");
        await lab.startEngine("gone");
      }
      expect(await digests()).toEqual(before);
      await project.ok("promote", "prod");
      expect(await digests()).toEqual([[release.digest], [release.digest]]);
    },
    240_000,
  );
});
