import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { workers } from "./test/lab/workers.ts";

/**
 * `npm test` is to take minutes and not an hour on a machine of two cores. What these files show goes further into what others show
 * in short, and takes minutes each: `npm run test:all` runs them, too, and whoever changes what they are about.
 */
const thorough = [
  "build/context",
  "dev/busybox-image",
  "dev/container-tree",
  "dev/crashed",
  "dev/inference",
  "dev/loop-places",
  "dev/onbuild",
  "dev/read-only",
  "dev/settings",
  "dev/sync-recovery",
  "dev/sync-storm",
  "dev/workers",
  "engine/attach-under-load",
  "engine/files-and-networks",
  "engine/podman",
  "init/templates",
  "lab/images/base-images",
  "lab/lab",
  "lab/traces",
  "promotion/concurrent",
  "promotion/dev-guard",
  "promotion/former-hosts",
  "promotion/nameless",
  "promotion/proxies",
  "promotion/proxy-ports",
  "promotion/proxy-tls",
  "promotion/ready-pipelines",
  "promotion/trouble",
  "promotion/vanished",
  "promotion/verify",
  "promotion/watch",
  "promotion/workers",
  "proxy/caddy-reload",
  "proxy/haproxy-drain",
  "proxy/haproxy-reload",
  "proxy/haproxy-tls",
  "registry/misbehaviour",
  "rollout/direct-ports",
  "rollout/early-clients",
  "rollout/standby-failed",
  "rollout/standby-killed",
  "rollout/strategies",
].map((name) => `test/${name}.lab.test.ts`);
const excluded = process.env.ENVCTL_TESTS === "all" ? [] : thorough;

/** These take minutes and begin first, so that no worker has one of them left when the others have nothing left to do. */
const long = ["faults/faults", "rollout/rounds"].map((name) => `test/${name}.lab.test.ts`);

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => long.some((file) => moduleId.endsWith(`/${file}`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    environment: "node",
    maxWorkers: workers,
    sequence: { sequencer: LongFilesFirst },
    // What comes in a moment takes a while longer where several labs are at work.
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
        // Each worker has a lab of its own, and one file after the other uses it: they cut hosts off and kill them. A test
        // that a stalled machine made fail is tried once more in CI, and the end of the run names it with its first failure.
        extends: true,
        test: {
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
          exclude: ["**/node_modules/**", ...excluded],
          globalSetup: ["test/lab/global-setup.ts"],
          setupFiles: ["test/lab/worker-setup.ts"],
          retry: process.env.CI === "true" ? 1 : 0,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
