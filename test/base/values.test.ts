import { userInfo } from "node:os";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { formatBytes, parseBytes } from "../../src/base/bytes.ts";
import { digestOf, isDigest } from "../../src/base/digest.ts";
import { formatDuration, parseDuration } from "../../src/base/duration.ts";
import { parseHostAddress } from "../../src/base/host.ts";
import { formatRepository, parseImageReference, parseOwnRepository, pinned } from "../../src/base/reference.ts";
import { didYouMean } from "../../src/base/suggest.ts";
import { homeFolder } from "../../src/base/user.ts";

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1500],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("reads %s", (text, expected) => expect(parseDuration(text)).toBe(expected));

  it.each(["", "30", "s", "-1s", "1s ", "1 s", "1x", "1e3s"])("refuses %j", (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it("reads back whole seconds as it writes them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 59 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["512m", 512 * 1024 ** 2],
    ["1.5g", 1.5 * 1024 ** 3],
    ["64MiB", 64 * 1024 ** 2],
    ["100", 100],
  ])("reads %s", (text, expected) => expect(parseBytes(text)).toBe(expected));

  it.each(["", "m", "1x", "-1m", "1 m"])("refuses %j", (text) => expect(parseBytes(text)).toBeUndefined());

  it("is short for people", () => expect(formatBytes(3_400_000)).toBe("3.4 MB"));
});

describe("image references", () => {
  it("gives Docker Hub's short names their full form", () => {
    expect(parseImageReference("postgres:16")).toEqual({
      registry: "docker.io",
      path: "library/postgres",
      tag: "16",
      digest: undefined,
    });
    expect(parseImageReference("team/app")).toMatchObject({ registry: "docker.io", path: "team/app" });
  });

  it("tells a port from a tag", () => {
    expect(parseImageReference("localhost:5000/app")).toMatchObject({
      registry: "localhost:5000",
      path: "app",
      tag: undefined,
    });
    expect(parseImageReference("r.example.com:5000/a/b:c")).toMatchObject({
      registry: "r.example.com:5000",
      path: "a/b",
      tag: "c",
    });
  });

  it("keeps the registry of one's own image open where none is written", () => {
    expect(parseOwnRepository("shop")).toEqual({ registry: undefined, path: "shop" });
    expect(parseOwnRepository("registry.example.com/team/shop")).toEqual({
      registry: "registry.example.com",
      path: "team/shop",
    });
  });

  it.each(["", "a/UPPER", "a//b", "a:", "a@sha256:short", "../up", "a/../b", "a;rm -rf", "a b", "-a", "a/-b", "é"])(
    "refuses %j",
    (text) => expect(parseImageReference(text)).toBeUndefined(),
  );

  it("reads back what it writes", () => {
    const digest = digestOf("x");
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{1,8}(\/[a-z0-9]{1,8}){0,2}$/), (path) => {
        const repository = { registry: "r.example.com:5000", path };
        expect(parseImageReference(pinned(repository, digest))).toEqual({ ...repository, tag: undefined, digest });
        expect(formatRepository(repository)).toBe(`r.example.com:5000/${path}`);
      }),
    );
  });
});

describe("host addresses", () => {
  it.each([
    ["local", { kind: "local" }],
    ["unix:///run/docker.sock", { kind: "unix", path: "/run/docker.sock" }],
    ["ssh://deploy@test.example.com:2222", { kind: "ssh", user: "deploy", host: "test.example.com", port: 2222 }],
    ["ssh://[::1]:22", { kind: "ssh", host: "::1", port: 22 }],
    ["tcp://10.0.0.1:2376", { kind: "tcp", host: "10.0.0.1", port: 2376 }],
    ["context://prod", { kind: "context", context: "prod" }],
  ])("reads %s", (text, expected) => expect(parseHostAddress(text)).toMatchObject(expected));

  it.each([
    "",
    "locale",
    "ssh://",
    "ssh://-oProxyCommand=x",
    "ssh://-l@host",
    "ssh://a b",
    "ssh://host:0",
    "ssh://host;ls",
    "tcp://host:99999",
    "unix://relative",
    "http://host",
  ])("refuses %j, which must never become an option or a command", (text) =>
    expect(parseHostAddress(text)).toBeUndefined(),
  );
});

describe("small things", () => {
  it("suggests what was meant, and nothing where nothing is near", () => {
    expect(didYouMean("replcas", ["replicas", "hosts"])).toBe("replicas");
    expect(didYouMean("hsots", ["replicas", "hosts"])).toBe("hosts");
    expect(didYouMean("zzzz", ["replicas", "hosts"])).toBeUndefined();
  });

  it("suggests the word that another is the beginning of, after one that is near", () => {
    expect(didYouMean("environment", ["after", "env", "env_file"])).toBe("env");
    expect(didYouMean("Production", ["dev", "test", "prod"])).toBe("prod");
    expect(didYouMean("roll", ["promote", "rollback"])).toBe("rollback");
    expect(didYouMean("healthy", ["heal", "health"])).toBe("health");
    expect(didYouMean("restart", ["re", "run"])).toBeUndefined();
  });

  it("knows a digest", () => {
    expect(isDigest(digestOf(""))).toBe(true);
    expect(isDigest("sha256:ABC")).toBe(false);
  });
});

describe("the user's own folder", () => {
  it.each([{}, { HOME: "" }])("is what the user database says with %j", (variables) => {
    vi.stubEnv("HOME", variables.HOME);
    expect(homeFolder(variables)).toBe(userInfo().homedir);
    vi.unstubAllEnvs();
  });
});
