import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareLayers, type ImageContent } from "../../src/plan/compare-images.ts";
import { compareStages, type StageSide } from "../../src/plan/compare-stages.ts";
import { passingFingerprint } from "../../src/secrets/fingerprint.ts";
import { release, service, stage, workload } from "./world.ts";

function side(overrides: Partial<StageSide>): StageSide {
  return { stage: stage(), release: undefined, image: undefined, services: {}, secrets: {}, ...overrides };
}

const fingerprint = passingFingerprint();

function rows(left: StageSide, right: StageSide): string[] {
  return compareStages(left, right, fingerprint).differences.map(
    ({ what, left: one, right: other }) => `${what}: ${one} | ${other}`,
  );
}

describe("two stages", () => {
  it("are alike where nothing differs, whatever they are called", () => {
    const test = side({ stage: stage({ name: "test" }), release: release("one") });
    const prod = side({ stage: stage({ name: "prod", after: ["test"] }), release: release("one") });
    expect(compareStages(test, prod, fingerprint)).toEqual({ differences: [], unknown: [] });
  });

  it("differ in what the file gives them, by the names it has there", () => {
    const worker = { ...workload({ name: "queue" }), place: "all" as const };
    const left = stage({ app: workload({ replicas: 2, env: { LEVEL: "debug", URL: "x" } }), workers: [worker] });
    const right = stage({ app: workload({ command: ["node"], env: { LEVEL: "info", URL: "x" } }) });
    expect(rows(side({ stage: left }), side({ stage: right }))).toEqual([
      "replicas: 2 | 1",
      "workers.queue: runs | null",
      "app.command: null | node",
      "app.env.LEVEL: debug | info",
    ]);
  });

  it("differ in secrets by fingerprints alone, and in what looks secret, too", () => {
    const app = workload({ secrets: ["KEY"], env: { API_TOKEN: "left-token", DB: "pg://me:left-pass@db/x" } });
    const left = side({ stage: stage({ app }), secrets: { KEY: "left-value" } });
    const other = { ...app, env: { API_TOKEN: "right-token", DB: "pg://me:right-pass@db/x" } };
    const right = side({ stage: stage({ app: other }), secrets: { KEY: "right-value" } });
    const found = rows(left, right);
    expect(found).toEqual([
      expect.stringMatching(/^app\.env\.API_TOKEN: <masked> [0-9a-f]{8} \| <masked> [0-9a-f]{8}$/),
      expect.stringMatching(
        /^app\.env\.DB: pg:\/\/me:<masked>@db\/x [0-9a-f]{8} \| pg:\/\/me:<masked>@db\/x [0-9a-f]{8}$/,
      ),
      expect.stringMatching(/^app\.env\.KEY: <secret> [0-9a-f]{8} \| <secret> [0-9a-f]{8}$/),
    ]);
    for (const text of found) {
      const [one, two] = text.match(/[0-9a-f]{8}/g) ?? [];
      expect(one).not.toBe(two);
      expect(text).not.toMatch(/left-|right-/);
    }
    expect(passingFingerprint()("x")).not.toBe(passingFingerprint()("x"));
    expect(compareStages(left, { ...left }, fingerprint).differences).toEqual([]);
  });

  it("are not said to differ in a secret that has no value here", () => {
    const app = workload({ secrets: ["KEY"] });
    const left = side({ stage: stage({ name: "test", app }), secrets: { KEY: "v" } });
    const right = side({ stage: stage({ name: "prod", app }) });
    expect(compareStages(left, right, fingerprint)).toEqual({
      differences: [],
      unknown: ["whether app.env.KEY is another secret: it has no value here for prod"],
    });
    expect(rows(side({ stage: stage({ name: "test", app }) }), side({}))).toEqual([
      "app.env.KEY: <secret> not available here | null",
    ]);
  });

  it("differ in the services that were deployed, not in those that are pinned", () => {
    const services = [service("db")];
    const left = side({ stage: stage({ services }), services: { db: "sha256:1" } });
    expect(rows(left, side({ stage: stage({ services }) }))).toEqual([
      "services.db digest: sha256:1 | not deployed yet",
    ]);
  });
});

describe("two images", () => {
  const image = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 6 }).map(
    (names): ImageContent => ({
      platform: "linux/amd64",
      layers: names.map((digest) => ({ digest, size: 1, instruction: undefined })),
    }),
  );
  const count = (layers: readonly { digest: string }[], wanted: string) =>
    layers.filter(({ digest }) => digest === wanted).length;

  it("have each layer either in common, or alone", () => {
    fc.assert(
      fc.property(image, image, (left, right) => {
        const { shared, added, removed } = compareLayers(left, right);
        for (const digest of ["a", "b", "c", "d"]) {
          expect(count(shared, digest)).toBe(Math.min(count(left.layers, digest), count(right.layers, digest)));
          expect(count(shared, digest) + count(added, digest)).toBe(count(left.layers, digest));
          expect(count(shared, digest) + count(removed, digest)).toBe(count(right.layers, digest));
        }
        const back = compareLayers(right, left);
        expect([back.added.length, back.removed.length]).toEqual([removed.length, added.length]);
      }),
    );
  });
});
