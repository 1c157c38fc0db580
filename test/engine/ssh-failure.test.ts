import { expect, test } from "vitest";
import type { SshTarget } from "../../src/engine/docker/transport/ssh-arguments.ts";
import { sshFailure } from "../../src/engine/docker/transport/ssh-failure.ts";

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
