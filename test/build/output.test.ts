import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Progress, type ProgressEvent } from "../../src/base/progress.ts";
import { buildError } from "../../src/build/build-error.ts";
import { BuildSteps } from "../../src/build/build-steps.ts";
import { BuildkitOutput } from "../../src/build/buildkit-output.ts";
import { ClassicOutput } from "../../src/build/classic-output.ts";
import { dockerfileLine } from "../../src/build/dockerfile-line.ts";
import { type BuildOutputReader, plainLine } from "../../src/build/output.ts";

/** What a listener is told, in one line each. */
async function told(reader: BuildOutputReader, text: string, failure?: string) {
  const events: string[] = [];
  const titles = new Map<number, string>();
  const progress = new Progress((event: ProgressEvent) => {
    if (event.type === "warning") return;
    if (event.type === "step-started") titles.set(event.step, event.title);
    const title = titles.get(event.step) ?? "";
    if (event.type === "step-output") events.push(`${title} | ${event.line}`);
    if (event.type === "step-done") events.push(`${title} done${event.note === undefined ? "" : ` (${event.note})`}`);
    if (event.type === "step-failed") events.push(`${title} failed: ${event.message}`);
  });
  const steps = await progress.step("build", async (build) => {
    const inner = new BuildSteps(build);
    for (const line of text.split("\n")) {
      for (const event of reader.read(plainLine(line))) inner.handle(event);
      // Lines come one by one.
      await setImmediate();
    }
    if (failure !== undefined) for (const event of reader.end()) inner.handle(event);
    await inner.close(failure);
    return inner;
  });
  return { events, failure: steps.failure };
}

const buildx = `#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 188B done
#1 DONE 0.0s

#4 [base 1/2] FROM docker.io/library/busybox:latest
#4 CACHED

#5 [base 2/2] RUN make
#5 0.183 compiling

#6 [other 1/1] RUN test
#6 0.1 \u001b[31mtesting\u001b[0m
#6 ...

#5 [base 2/2] RUN make
#5 0.190 10 %\r20 %
#5 0.191 #5 DONE 1.2s
#5 0.200 oops
#5 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2

#6 [other 1/1] RUN test
#6 CANCELED
------
 > [base 2/2] RUN make:
0.200 oops
------
Dockerfile:7
--------------------
   6 |
   7 | >>> RUN make
--------------------
ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2`;

describe("BuildKit's output", () => {
  it("becomes steps, with interleaved output at the right one, and says what failed where", async () => {
    const { events, failure } = await told(new BuildkitOutput(), buildx, "stopped");
    expect(events).toEqual([
      "build | transferring dockerfile: 188B done",
      "[base 1/2] FROM docker.io/library/busybox:latest done (cached)",
      "[base 2/2] RUN make | compiling",
      "[other 1/1] RUN test | testing",
      "[base 2/2] RUN make | 20 %",
      "[base 2/2] RUN make | #5 DONE 1.2s",
      "[base 2/2] RUN make | oops",
      '[base 2/2] RUN make failed: process "/bin/sh -c make" did not complete successfully: exit code: 2',
      "[other 1/1] RUN test failed: canceled",
      "build done",
    ]);
    const error = buildError(failure, "/app/Dockerfile", "local");
    expect(error).toMatchObject({ code: "build-failed", exitCode: 1, where: "/app/Dockerfile:7" });
    expect(error.message).toBe("The build failed in [base 2/2] RUN make: exit code: 2");
    expect(error.evidence.filter((line) => line.includes("oops"))).toHaveLength(1);
    expect(error.evidence).toContain("   7 | >>> RUN make");
  });

  it("says that this user may not use the engine", async () => {
    const text = "ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///x";
    const { failure } = await told(new BuildkitOutput(), text, "stopped");
    expect(buildError(failure, "Dockerfile", "local")).toMatchObject({
      code: "docker-permission-denied",
      exitCode: 5,
      where: "local",
    });
  });

  it("names the line of a Dockerfile that cannot be parsed, old printers and new", async () => {
    const old =
      "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNN";
    const current =
      "Dockerfile:2\n--------------------\nERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN";
    const desktop =
      "ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN\n\nView build details: docker-desktop://dashboard/build/default/default/x";
    for (const text of [old, current, desktop]) {
      const { failure } = await told(new BuildkitOutput(), text, "stopped");
      const error = buildError(failure, "Dockerfile", "local");
      expect(error.where).toBe("Dockerfile:2");
      expect(error.message).toMatch(
        /^The build failed: (?:failed to create LLB definition: )?dockerfile parse error.*: unknown instruction: RUNN$/,
      );
    }
  });

  it("ends every step even if the builder dies in the middle", async () => {
    const { events } = await told(new BuildkitOutput(), "#1 [1/2] FROM a\n#1 DONE 0.0s\n#2 [2/2] RUN sleep", "stopped");
    expect(events).toContain("[2/2] RUN sleep failed: stopped");
  });

  it("keeps only the last lines of a talkative step", async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `#2 0.1 line ${index}`);
    const { failure } = await told(new BuildkitOutput(), `#2 [1/1] RUN x\n${lines.join("\n")}\n#2 ERROR: exit code: 1`);
    expect(failure.evidence).toHaveLength(60);
    expect(failure.evidence.at(-1)).toBe("line 4999");
  });
});

describe("the classic builder's output", () => {
  it("becomes steps", async () => {
    const text = `Sending build context to Docker daemon  3.072kB
Step 1/3 : FROM busybox:latest
 ---> f4cdd5a50453
Step 2/3 : ARG WHO=you
 ---> Using cache
 ---> 391a224c6669
Step 3/3 : RUN make
 ---> Running in 65a553f81450
bad
The command '/bin/sh -c make' returned a non-zero code: 3`;
    const { events, failure } = await told(new ClassicOutput(), text, "stopped");
    expect(events).toEqual([
      "[1/3] FROM busybox:latest done",
      "[2/3] ARG WHO=you done (cached)",
      "[3/3] RUN make | bad",
      "[3/3] RUN make failed: exit code: 3",
      "build done",
    ]);
    expect(buildError(failure, "D", "local").message).toBe("The build failed in [3/3] RUN make: exit code: 3");
  });

  it("ends with what is wrong, where that is no command's fault", async () => {
    const reason = "pull access denied for no/such, repository does not exist or may require 'docker login'";
    const { events, failure } = await told(new ClassicOutput(), `Step 1/2 : FROM no/such\n${reason}`, "stopped");
    expect(events).toEqual([`[1/2] FROM no/such | ${reason}`, `[1/2] FROM no/such failed: ${reason}`, "build done"]);
    expect(buildError(failure, "D", "local")).toMatchObject({
      message: `The build failed in [1/2] FROM no/such: ${reason}`,
      next: expect.stringContaining("docker login"),
      evidence: [reason],
    });
    const killed = await told(new ClassicOutput(), "Step 1/2 : FROM no/such", "stopped");
    expect(killed.events).toEqual(["[1/2] FROM no/such failed: stopped", "build done"]);
  });
});

describe("advice", () => {
  it.each([
    [
      "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
      "engine-unreachable",
      "DOCKER_HOST",
    ],
    [
      "ERROR: pull access denied, repository does not exist or may require authorization",
      "build-failed",
      "docker login",
    ],
    ["failed to do request: dial tcp: lookup registry-1.docker.io: no such host", "build-failed", "mirror"],
    ["write /x: no space left on device", "build-failed", "docker system df"],
    ['failed to compute cache key: "/nix" not found: not found', "build-failed", ".dockerignore"],
    ["failed to solve: target stage x could not be found", "build-failed", "image.target"],
  ])("for %s", async (line, code, next) => {
    const { failure } = await told(new BuildkitOutput(), line);
    const error = buildError(failure, "Dockerfile", "tcp://build");
    expect(error.code).toBe(code);
    expect(error.next).toContain(next);
  });
});

describe("the line of an instruction", () => {
  const dockerfile = "FROM a\n# RUN make\nRUN make \\\n  # why\n  && test\n\nCOPY a b\nCOPY a b\n";
  it.each([
    ["[base 2/4] RUN make   && test", 3],
    ["[1/4] FROM a", 1],
    ["[3/4] COPY a b", undefined],
    ["[3/4] COPY x y", undefined],
  ])("of %s is %s", (title, line) => {
    expect(dockerfileLine(dockerfile, title)).toBe(line);
  });
});
