import { expect, test } from "vitest";
import { Progress } from "../../src/base/progress.ts";
import { observedContainer } from "../../src/engine/docker/container-observation.ts";
import { containerEvent } from "../../src/engine/docker/events.ts";
import { observedImage } from "../../src/engine/docker/image-observation.ts";
import { platformName } from "../../src/engine/docker/platform.ts";
import { TransferProgress } from "../../src/engine/docker/transfer.ts";
import { unixTimestamp } from "../../src/engine/docker/unix-timestamp.ts";
import { compareVersions } from "../../src/engine/docker/version.ts";

test("platforms are named as registries name them", () => {
  expect(platformName("linux", "x86_64")).toBe("linux/amd64");
  expect(platformName("linux", "aarch64")).toBe("linux/arm64");
  expect(platformName("linux", "arm64", "v8")).toBe("linux/arm64");
  expect(platformName("linux", "armv7l")).toBe("linux/arm/v7");
  expect(platformName("linux", "arm", "v6")).toBe("linux/arm/v6");
  expect(platformName("linux", "riscv64")).toBe("linux/riscv64");
});

test("images carry full names, whatever the engine shortens", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const image = observedImage({
    Id: digest,
    RepoDigests: [`busybox@${digest}`, `r.example.com:5000/a/b@${digest}`],
    RepoTags: ["busybox:latest", "<none>:<none>"],
    Config: { Env: ["A=b=c", "EMPTY="], Volumes: { "/data": {} }, Healthcheck: { Test: ["NONE"] }, OnBuild: ["RUN x"] },
    Os: "linux",
    Architecture: "arm64",
    Variant: "v8",
  });
  expect(image.repoDigests).toEqual([`docker.io/library/busybox@${digest}`, `r.example.com:5000/a/b@${digest}`]);
  expect(image.tags).toEqual(["docker.io/library/busybox:latest"]);
  expect(image.env).toEqual({ A: "b=c", EMPTY: "" });
  expect(image).toMatchObject({
    volumes: ["/data"],
    hasHealthcheck: false,
    onBuild: ["RUN x"],
    platform: "linux/arm64",
  });
});

test("events are read in Docker's and Podman's spelling", () => {
  const event = (Action: string, more = {}) => containerEvent({ Action, Actor: { ID: "1", ...more } });
  expect(event("health_status: healthy")).toMatchObject({ action: "health_status", health: "healthy" });
  expect(event("die", { Attributes: { exitCode: "137" } })).toMatchObject({ action: "die", exitCode: 137 });
  expect(event("died", { Attributes: { containerExitCode: "1" } })).toMatchObject({ action: "die", exitCode: 1 });
  expect(event("remove")).toMatchObject({ action: "destroy" });
  expect(event("exec_create: sh")).toBeUndefined();
  expect(containerEvent({ Action: "start" })).toBeUndefined();
});

test("a container that Podman has not cleared up yet has ended, with its exit code", () => {
  const id = "0".repeat(64);
  const container = observedContainer({
    Id: id,
    Name: "/shop",
    Created: "2026-11-24T13:18:38Z",
    Image: id,
    State: { Status: "stopped", ExitCode: 3 },
    Config: {},
    HostConfig: {},
  });
  expect(container).toMatchObject({ state: "exited", exitCode: 3 });
});

test("moments are spelled as engines want them, to the nanosecond", () => {
  expect(unixTimestamp("2026-11-24T13:18:38.123456789Z")).toBe("1795526318.123456789");
  expect(unixTimestamp("2026-11-24T14:18:38.5+01:00")).toBe("1795526318.500000000");
  expect(unixTimestamp("1795526318.5")).toBe("1795526318.5");
});

test("API versions compare as numbers", () => {
  expect(compareVersions("1.5", "1.41")).toBeLessThan(0);
  expect(compareVersions("1.41", "1.41")).toBe(0);
  expect(compareVersions("2.0", "1.51")).toBeGreaterThan(0);
});

test("progress adds layers up, counts no byte twice, and reports at most ten times a second", () => {
  const reports: string[] = [];
  const progress = new Progress((event) => {
    if (event.type === "step-updated") reports.push(event.text);
  }, 1);
  const transfer = new TransferProgress("pulling", progress);
  const layer = (id: string, status: string, current: number, total: number) => ({
    id,
    status,
    progressDetail: { current, total },
  });
  transfer.add(layer("a", "Downloading", 5e6, 20e6), 0);
  for (let current = 0; current < 7e6; current += 1e5) transfer.add(layer("b", "Downloading", current, 15e6), 50);
  transfer.add(layer("b", "Downloading", 7e6, 15e6), 200);
  transfer.add({ id: "a", status: "Download complete", progressDetail: {} }, 400);
  transfer.add(layer("a", "Extracting", 1e6, 20e6), 600);
  expect(reports).toEqual([
    "pulling 25 % (5.0 MB of 20.0 MB)",
    "pulling 34 % (12.0 MB of 35.0 MB)",
    "pulling 77 % (27.0 MB of 35.0 MB)",
  ]);
});
