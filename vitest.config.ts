import { defineConfig } from "vitest/config";

const inCi = process.env.CI === "true";

/**
 * `npm test` is to take minutes and not an hour on a machine of two cores. What these files show goes further into what others show
 * in short, and takes minutes each: `npm run test:all` runs them, too, and whoever changes what they are about.
 */
const thorough = [
  "build/context",
  "dev/busybox-image",
  "dev/container-tree",
  "dev/inference",
  "dev/loop-places",
  "dev/sync-recovery",
  "dev/sync-storm",
  "engine/attach-under-load",
  "engine/podman",
  "init/templates",
  "lab/images/base-images",
  "promotion/concurrent",
  "promotion/proxies",
  "promotion/proxy-tls",
  "promotion/ready-pipelines",
  "promotion/trouble",
  "promotion/vanished",
  "proxy/haproxy-drain",
  "proxy/haproxy-reload",
  "proxy/haproxy-tls",
  "registry/misbehaviour",
  "rollout/strategies",
].map((name) => `test/${name}.lab.test.ts`);
const excluded = process.env.ENVCTL_TESTS === "all" ? [] : thorough;

export default defineConfig({
  test: {
    environment: "node",
    // More than a machine of two cores has: tests of hosts wait more than they work. As in test/lab/workers.ts.
    maxWorkers: inCi ? 2 : 3,
    // What comes in a moment takes a while longer where three labs are at work.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["**/*.lab.test.ts", "**/node_modules/**"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Each worker has a lab of its own, and one file after the other uses it: they cut hosts off and kill them. In CI
        // there is one worker: steady times are worth more there than short ones. A test that a stalled machine made fail
        // is tried once more there, and the end of the run names it with its first failure.
        extends: true,
        test: {
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
          exclude: ["**/node_modules/**", ...excluded],
          globalSetup: ["test/lab/global-setup.ts"],
          setupFiles: ["test/lab/worker-setup.ts"],
          fileParallelism: !inCi,
          retry: inCi ? 1 : 0,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
