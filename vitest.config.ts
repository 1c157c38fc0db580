import { defineConfig } from "vitest/config";

const inCi = process.env.CI === "true";

export default defineConfig({
  test: {
    environment: "node",
    maxWorkers: 2,
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
        // is tried once more there, and its line says so.
        extends: true,
        test: {
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
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
