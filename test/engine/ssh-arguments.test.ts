import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  configurationArguments,
  dialArguments,
  engineArguments,
  forwardArguments,
  type SshTarget,
} from "../../src/engine/docker/transport/ssh-arguments.ts";

const target: SshTarget = { host: "test1", user: "deploy", port: 2222, configFile: "/etc/lab", interactive: false };
const client = { role: "client", socket: "/tmp/c/1" } as const;

/** ssh's own answer to what an argument list means (`-G` connects to nothing). */
function understood(arguments_: readonly string[]): string {
  return execFileSync("ssh", ["-G", ...arguments_], { encoding: "utf8" });
}

describe("the arguments of ssh", () => {
  test("name the host behind `--`, and the command that pipes to the engine behind that", () => {
    const list = engineArguments(target, client);
    expect(list.slice(list.indexOf("--"))).toEqual(["--", "test1", "docker", "system", "dial-stdio"]);
    expect(list.slice(0, 2)).toEqual(["-F", "/etc/lab"]);
  });

  test("compress only where they are asked to", () => {
    const compression = (compress: boolean) =>
      /^compression (.*)$/m.exec(understood(engineArguments({ ...target, configFile: "none", compress }, client)))?.[1];
    expect([compression(true), compression(false)]).toEqual(["yes", "no"]);
  });

  test("mean to ssh what they should: never a prompt, never a shell's or agent's extras", () => {
    const configuration = understood(engineArguments({ ...target, configFile: "none" }, client));
    for (const line of [
      "user deploy",
      "hostname test1",
      "port 2222",
      "batchmode yes",
      "connecttimeout 10",
      "serveraliveinterval 5",
      "controlpath /tmp/c/1",
      "forwardagent no",
      "permitlocalcommand no",
      "clearallforwardings yes",
      "stricthostkeychecking ask",
    ]) {
      expect(configuration.split("\n")).toContain(line);
    }
  });

  test("leave the questions to ssh where a person can answer", () => {
    expect(engineArguments({ ...target, interactive: true }, client)).not.toContain("BatchMode=yes");
  });

  test("never carry an answer to the question whether to trust a host", () => {
    for (const list of [engineArguments(target, client), configurationArguments(target)]) {
      expect(list.join(" ")).not.toMatch(/StrictHostKeyChecking|UserKnownHostsFile/i);
    }
  });

  test("put addresses of version 6 in brackets", () => {
    expect(dialArguments(target, client, "fd00::2", 80)).toContain("[fd00::2]:80");
    expect(dialArguments(target, client, "172.17.0.2", 80)).toContain("172.17.0.2:80");
  });

  test("go through the shared connection or fail, where they come without a configuration", () => {
    for (const list of [dialArguments(target, client, "a", 1), forwardArguments(target, "/tmp/c/1", 0, 5000)]) {
      expect(list).toContain("ProxyCommand=false");
      expect(list.join(" ")).toContain("-S /tmp/c/1");
    }
  });

  test("refuse hosts and users that would be options", () => {
    for (const hostile of ["-oProxyCommand=touch /tmp/x", "-F", "", "a b", "a\nb"]) {
      expect(() => engineArguments({ ...target, host: hostile }, client)).toThrow(/no name of a host/);
    }
    expect(() => engineArguments({ ...target, user: "-oProxyCommand=x" }, client)).toThrow();
  });

  test("keep whatever a host is called one argument behind `--`", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (host) => {
        let list: string[];
        try {
          list = engineArguments({ ...target, host }, client);
        } catch {
          return;
        }
        expect(list[list.lastIndexOf("docker") - 1]).toBe(host);
        expect(host.startsWith("-")).toBe(false);
      }),
    );
  });
});
