import { expect, test } from "vitest";
import { apiError } from "../../src/engine/docker/api-error.ts";

// Said by Docker 20.10 to 28 and Podman 4.
const cases: readonly [code: string, status: number, message: string][] = [
  [
    "name-taken",
    409,
    'Conflict. The container name "/web" is already in use by container "8c1f". You have to remove (or rename) that container to be able to reuse that name.',
  ],
  [
    "port-taken",
    500,
    "driver failed programming external connectivity on endpoint web (0b1c): Bind for 0.0.0.0:8080 failed: port is already allocated",
  ],
  [
    "port-taken",
    500,
    "driver failed programming external connectivity on endpoint web (0b1c): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use",
  ],
  ["port-taken", 500, "failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use"],
  ["port-taken", 500, "failed to bind host port 0.0.0.0:8080/tcp: address already in use"],
  ["disk-full", 500, "mkdir /var/lib/docker/overlay2/x: no space left on device"],
  [
    "disk-full",
    500,
    "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
  ],
  ["image-missing", 404, "No such image: registry.example.com/app@sha256:00"],
  ["image-missing", 500, "unrecognized image ID sha256:d44eb3ac97de"],
  ["manifest-unknown", 500, "manifest for a/b@sha256:00 not found: manifest unknown: manifest unknown"],
  ["manifest-unknown", 500, "manifest unknown"],
  ["registry-unauthorized", 500, "Head https://r/v2/a/manifests/x: unauthorized: authentication required"],
  ["registry-unauthorized", 500, "Get https://r/v2/a/manifests/x: no basic auth credentials"],
  ["registry-unauthorized", 500, "denied: requested access to the resource is denied"],
  ["digest-mismatch", 500, "image verification failed for digest sha256:00"],
  ["digest-mismatch", 500, "filesystem layer verification failed for digest sha256:00"],
  ["registry-unreachable", 500, "Get http://10.0.0.9:5000/v2/: dial tcp 10.0.0.9:5000: connect: connection refused"],
  ["registry-unreachable", 500, "Get https://r/v2/: http: server gave HTTP response to HTTPS client"],
  ["registry-unreachable", 500, "Get https://r/v2/: x509: certificate signed by unknown authority"],
  ["container-missing", 404, "No such container: web"],
  ["container-not-running", 409, "Cannot kill container: web: Container 8c1f is not running"],
  ["container-not-running", 409, "can only kill running containers. 8c1f is in state exited: container state improper"],
  ["volume-in-use", 409, "remove db: volume is in use - [8c1f]"],
  ["network-in-use", 403, "error while removing network: network shop id 1 has active endpoints"],
  ["image-in-use", 409, 'conflict: unable to remove repository reference "a:1" (must force) - container 1 is using it'],
  ["engine-refused", 500, "something new"],
  ["not-found", 404, "page not found"],
];

test.each(cases)("%s: %i %s", (code, status, message) => {
  const error = apiError({ status, message, where: "ssh://a", doing: "doing it" });
  expect(error.code).toBe(code);
  expect(error.where).toBe("ssh://a");
  expect(error.message).toMatch(/^doing it: /);
  expect(`${error.message} ${error.evidence.join(" ")}`).toContain(message);
});

test("a taken port is named", () => {
  const message = "Bind for 0.0.0.0:8080 failed: port is already allocated";
  expect(apiError({ status: 500, message, where: "a", doing: "starting" }).message).toContain("port 8080");
});

test("values of the environment are never repeated", () => {
  const error = apiError({
    status: 400,
    message: "invalid environment variable: TOKEN=s3cret-value and again s3cret-value, PIN=12",
    where: "a",
    doing: "creating",
    secrets: { TOKEN: "s3cret-value", PIN: "12" },
  });
  const shown = JSON.stringify([error.message, error.evidence, error.state, error.next]);
  expect(shown).not.toContain("s3cret");
  expect(shown).not.toContain("PIN=12");
  expect(shown).toContain("TOKEN=***");
});

test("of a value that begins with another nothing is left standing", () => {
  const secrets = { SHORT: "s3cret", LONG: "s3cret-and-the-rest" };
  const message = "invalid: s3cret-and-the-rest, s3cret";
  expect(apiError({ status: 400, message, where: "a", doing: "creating", secrets }).message).toBe(
    "creating: invalid: ***, ***",
  );
});
