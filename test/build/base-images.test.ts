import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { silent } from "../../src/base/progress.ts";
import { baseImages } from "../../src/build/base-images.ts";
import { BuildSteps } from "../../src/build/build-steps.ts";

const digest = digestOf("node");

function names(text: string, build: { args?: Record<string, string>; target?: string } = {}) {
  const found = baseImages(text, { args: build.args ?? {}, target: build.target });
  return found.map(({ use, text: name, image }) => `${use} ${name}${image ? "" : "?"}`);
}

describe("the images that a build takes something from", () => {
  it("are those of the target and of what it begins with, copies or mounts; each once", () => {
    const text = [
      "# syntax=docker/dockerfile:1",
      "ARG VERSION=20",
      "FROM node:$VERSION AS deps",
      "FROM golang:1 AS unused",
      "FROM deps AS build",
      "COPY --from=busybox:1 /bin/busybox /",
      "COPY --from=node:20 /x /",
      "RUN --mount=type=bind,from=alpine:3,target=/mnt true",
      "FROM scratch",
      "COPY --from=build / /",
      "COPY --from=0 / /",
      "COPY index.html /",
    ].join("\n");
    expect(names(text)).toEqual([
      "frontend docker/dockerfile:1",
      "base node:20",
      "copied-from busybox:1",
      "copied-from alpine:3",
    ]);
    expect(names(text, { target: "unused" })).toEqual(["frontend docker/dockerfile:1", "base golang:1"]);
    expect(names(text, { target: "deps", args: { VERSION: "22" } })).toEqual([
      "frontend docker/dockerfile:1",
      "base node:22",
    ]);
  });

  it("are told to be unknown where only the builder can fill the name in", () => {
    expect(names("ARG TARGETARCH\nFROM node:$TARGETARCH\nCOPY --from=$HOME/x / /\n")).toEqual([
      "base FROM node:$TARGETARCH?",
      "copied-from COPY --from=$HOME/x / /?",
    ]);
    expect(names("FROM node:20 AS for-amd64\nFROM for-$TARGETARCH\n")).toEqual(["base FROM for-$TARGETARCH?"]);
    expect(names("FROM node:20 AS for-amd64\nFROM for-$TARGETARCH\n", { args: { TARGETARCH: "amd64" } })).toEqual([
      "base node:20",
    ]);
    expect(names("FROM no image\nRUN true")).toEqual(["base no"]);
    expect(names("FROM NO/Image\n")).toEqual(["base NO/Image?"]);
    expect(names("")).toEqual([]);
  });

  it("have the digest that BuildKit says it took, and not what a command prints", () => {
    const steps = new BuildSteps(silent);
    const start = (id: string, title: string) => steps.handle({ type: "step-started", id, title, instruction: false });
    start("1", `[deps 1/3] FROM docker.io/library/node:20@${digest}`);
    start("2", `[deps 2/3] RUN echo [x] FROM docker.io/library/evil:1@${digest}`);
    start("3", "[2/2] FROM docker.io/library/local:1");
    steps.handle({ type: "step-output", id: "2", line: `[1/1] FROM docker.io/library/evil:2@${digest}` });
    expect([...steps.bases]).toEqual([["docker.io/library/node:20", digest]]);
  });
});
