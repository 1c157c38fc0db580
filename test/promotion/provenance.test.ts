import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { parseImageReference } from "../../src/base/reference.ts";
import type { BuildFacts } from "../../src/build/build-facts.ts";
import { provenancePredicate, readProvenance } from "../../src/promotion/provenance-statement.ts";
import { release } from "../plan/world.ts";

const facts: BuildFacts = {
  invocation: "0b9a",
  builder: { kind: "buildkit", version: "20.10" },
  by: "alice@laptop",
  startedAt: "2026-01-01T10:00:00.000Z",
  finishedAt: "2026-01-01T10:00:09.000Z",
  release: "one",
  fingerprint: "f00d",
  forced: false,
  git: { commit: "a".repeat(40), dirty: true, branch: "main", source: "https://git.example.com/shop" },
  definition: {
    repository: "shop",
    context: ".",
    dockerfile: "Dockerfile",
    target: "runtime",
    args: { TOKEN: "<masked>" },
    secrets: ["npm"],
    platforms: [],
  },
  dockerfileDigest: digestOf("FROM node"),
  bases: [
    { use: "base", text: "node", image: parseImageReference("node"), digest: digestOf("node"), toldBy: "builder" },
    { use: "copied-from", text: "tool:1", image: parseImageReference("tool:1"), digest: undefined, toldBy: undefined },
    { use: "base", text: "FROM $X", image: undefined, digest: undefined, toldBy: undefined },
  ],
};

const predicate = provenancePredicate(release("one"), facts, { at: new Date("2026-01-02T00:00:00Z"), later: true });

describe("what is said of a build", () => {
  it("is what SLSA provenance v1 asks for", () => {
    expect(predicate).toMatchObject({
      buildDefinition: {
        buildType: "urn:envctl:build:dockerfile:v1",
        externalParameters: { target: "runtime", args: { TOKEN: "<masked>" }, secrets: ["npm"] },
        internalParameters: { fingerprint: "f00d", dirty: true },
        resolvedDependencies: [
          {
            uri: "git+https://git.example.com/shop",
            digest: { gitCommit: "a".repeat(40) },
            annotations: { dirty: true },
          },
          { name: "Dockerfile", digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
          {
            uri: "docker-image://docker.io/library/node:latest",
            digest: { sha256: digestOf("node").slice(7) },
            annotations: { use: "base", toldBy: "builder" },
          },
          { uri: "docker-image://docker.io/library/tool:1" },
          { name: "image", uri: "docker-image://FROM%20$X", content: Buffer.from("FROM $X").toString("base64") },
        ],
      },
      runDetails: {
        builder: { id: "urn:envctl:builder:buildkit", version: { docker: "20.10" } },
        metadata: { invocationId: "0b9a", startedOn: facts.startedAt, finishedOn: facts.finishedAt },
      },
      envctl_attested: { on: "2026-01-02T00:00:00.000Z", later: true },
    });
    expect(JSON.stringify(predicate)).not.toMatch(/"digest":\{"sha256":""/);
  });

  it("is read back as it was said", () => {
    expect(readProvenance(JSON.parse(JSON.stringify(predicate)))).toEqual({
      release: "one",
      fingerprint: "f00d",
      builder: expect.stringMatching(/^urn:envctl:builder:buildkit \(envctl \S+, docker 20\.10\)$/),
      builtBy: "alice@laptop",
      startedAt: facts.startedAt,
      finishedAt: facts.finishedAt,
      commit: "a".repeat(40),
      source: "git+https://git.example.com/shop",
      dirty: true,
      attestedAt: "2026-01-02T00:00:00.000Z",
      later: true,
      images: [
        { uri: "docker-image://docker.io/library/node:latest", digest: digestOf("node"), use: "base" },
        { uri: "docker-image://docker.io/library/tool:1", digest: undefined, use: "copied-from" },
        { uri: "FROM $X", digest: undefined, use: "base" },
      ],
    });
  });

  it("is nothing where somebody else wrote it, whatever its form", () => {
    const { runDetails, buildDefinition } = predicate as Record<string, object>;
    for (const foreign of [
      undefined,
      [],
      {},
      { buildDefinition },
      { ...predicate, runDetails: { ...runDetails, builder: { id: 1 } } },
      { ...predicate, buildDefinition: { ...buildDefinition, buildType: "https://example.com/ours" } },
      { ...predicate, envctl_attested: null },
    ]) {
      expect(readProvenance(foreign)).toBeUndefined();
    }
  });
});
