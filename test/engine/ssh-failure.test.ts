import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { SshTransport } from "../../src/engine/docker/transport/ssh.ts";
import type { SshTarget } from "../../src/engine/docker/transport/ssh-arguments.ts";
import { sshFailure } from "../../src/engine/docker/transport/ssh-failure.ts";
import { foundNoSsh } from "../../src/engine/docker/transport/ssh-process.ts";

const target: SshTarget = {
  host: "a.example.com",
  user: "deploy",
  port: 2222,
  configFile: undefined,
  interactive: false,
};

// Printed by OpenSSH 7.4 to 9.8 and Docker 18.03 to 28.
const cases: readonly [code: string, exitCode: number, printed: string][] = [
  ["host-not-found", 255, "ssh: Could not resolve hostname a.example.com: Name or service not known"],
  ["host-refused", 255, "ssh: connect to host a.example.com port 2222: Connection refused"],
  ["host-timeout", 255, "ssh: connect to host a.example.com port 2222: Connection timed out"],
  ["host-timeout", 255, "ssh: connect to host a.example.com port 2222: No route to host"],
  ["host-timeout", 255, "Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out"],
  ["host-timeout", 255, "Timeout, server a.example.com not responding."],
  [
    "host-key-unknown",
    255,
    "No ED25519 host key is known for [a.example.com]:2222 and you have requested strict checking.\nHost key verification failed.",
  ],
  ["host-key-unknown", 255, "Host key verification failed.\r\n"],
  [
    "host-key-changed",
    255,
    "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nHost key verification failed.",
  ],
  ["ssh-permission-denied", 255, "deploy@a.example.com: Permission denied (publickey,password)."],
  ["docker-missing", 127, "bash: line 1: docker: command not found"],
  ["docker-missing", 127, "sh: 1: docker: not found"],
  ["docker-missing", 127, ""],
  [
    "docker-permission-denied",
    1,
    "failed to open the raw stream connection: dial unix /var/run/docker.sock: connect: permission denied",
  ],
  [
    "docker-permission-denied",
    1,
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
  ],
  [
    "docker-not-running",
    1,
    "failed to open the raw stream connection: dial unix /var/run/docker.sock: connect: no such file or directory",
  ],
  [
    "docker-not-running",
    1,
    "failed to open the raw stream connection: dial unix /var/run/docker.sock: connect: connection refused",
  ],
  ["docker-too-old", 1, "docker: 'dial-stdio' is not a docker command."],
  ["ssh-config-invalid", 255, "/home/x/.ssh/config: line 1: Bad configuration option: hots"],
  ["host-unreachable", 255, "kex_exchange_identification: Connection closed by remote host"],
];

test.each(cases)("%s: exit %i, %s", (code, exitCode, printed) => {
  const error = sshFailure(target, "ssh://deploy@a.example.com:2222", exitCode, printed);
  expect(error.code).toBe(code);
  expect(error.exitCode).toBe(5);
  expect(error.where).toBe("ssh://deploy@a.example.com:2222");
  expect(error.next).toBeTruthy();
  expect(error.evidence.join("\n")).toBe(printed.trim().replaceAll("\r", ""));
});

test("the next command carries user and port", () => {
  expect(sshFailure(target, "x", 255, "Host key verification failed.").next).toContain(
    "ssh -p 2222 deploy@a.example.com",
  );
});

test("the next command forgets a key by the name and in the file that ssh has it by", () => {
  const changed = (known: string, file: string) =>
    [
      "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
      `Add correct host key in ${file} to get rid of this message.`,
      `Offending ED25519 key in ${file}:7`,
      `Host key for ${known} has changed and you have requested strict checking.`,
      "Host key verification failed.",
      "",
    ].join("\r\n");
  const next = (printed: string) => sshFailure(target, "x", 255, printed).next?.split("did change: ")[1];
  expect(next(changed("10.0.0.7", "/home/x/.ssh/known_hosts"))).toBe(
    "ssh-keygen -f /home/x/.ssh/known_hosts -R 10.0.0.7",
  );
  expect(next(changed("[10.0.0.7]:22", "/home/x y/known"))).toBe("ssh-keygen -f '/home/x y/known' -R '[10.0.0.7]:22'");
  expect(next("REMOTE HOST IDENTIFICATION HAS CHANGED")).toBe("ssh-keygen -R '[a.example.com]:2222'");
});

test.each([false, true])("a machine without ssh says so; where it could ask on a terminal: %s", async (interactive) => {
  vi.stubEnv("PATH", "/nowhere");
  try {
    const opening = SshTransport.open({ ...target, interactive }, "ssh://a.example.com").then(async (transport) => {
      try {
        await text(await transport.connect());
      } finally {
        await transport.close();
      }
    });
    await expect(opening).rejects.toMatchObject({ code: "ssh-missing", exitCode: 5, where: "ssh://a.example.com" });
  } finally {
    vi.unstubAllEnvs();
  }
});

test("a program that is missing on the host is none that is missing here", () => {
  expect(foundNoSsh(127, "bash: line 1: docker: command not found")).toBe(false);
  expect(foundNoSsh(127, "/bin/sh: 1: exec: ssh: not found")).toBe(true);
  expect(foundNoSsh(127, "/bin/sh: line 1: exec: ssh: not found")).toBe(true);
});
