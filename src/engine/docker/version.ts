import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { ApiClient } from "./api.ts";

/** Engine API versions this client was written against: Docker 20.10 to 28. */
const oldest = "1.41";
const newest = "1.51";

/**
 * Agrees on an API version with the engine and keeps it on the client. Throws `engine-too-old` or `engine-too-new`.
 * Engine API, `/_ping`: answers in every version, with the engine's newest in the header `Api-Version`.
 */
export async function negotiateVersion(api: ApiClient, signal?: AbortSignal): Promise<string> {
  const ping = await api.call({ method: "GET", path: "/_ping", doing: "reaching the engine", signal });
  const offered = ping.headers["api-version"];
  if (typeof offered !== "string" || !/^\d+\.\d+$/.test(offered)) {
    throw new EnvctlError({
      code: "not-an-engine",
      exitCode: ExitCode.unreachable,
      what: "what answers there is not a Docker engine",
      where: api.where,
      next: "check the host's address in the environment file",
    });
  }
  if (compareVersions(offered, oldest) < 0) {
    throw new EnvctlError({
      code: "engine-too-old",
      exitCode: ExitCode.failed,
      what: `the engine speaks API ${offered}; at least ${oldest} (Docker 20.10) is needed`,
      where: api.where,
      next: "update Docker on this host",
    });
  }
  const version = compareVersions(offered, newest) < 0 ? offered : newest;
  api.prefix = `/v${version}`;
  // Engines also have an oldest version they accept, and say so only when asked in a version too old for them.
  if (version === newest) await proveAccepted(api, version, signal);
  return version;
}

async function proveAccepted(api: ApiClient, version: string, signal: AbortSignal | undefined): Promise<void> {
  const answer = await api.call({
    method: "GET",
    path: "/version",
    doing: "reaching the engine",
    accept: [400],
    signal,
  });
  if (answer.status !== 400) return;
  throw new EnvctlError({
    code: "engine-too-new",
    exitCode: ExitCode.failed,
    what: `the engine no longer accepts API ${version}, the newest this envctl speaks`,
    where: api.where,
    next: "update envctl: npm install -g envctl@latest",
  });
}

/** Compares `1.41` with `1.5`, part by part: negative, zero or positive. */
export function compareVersions(left: string, right: string): number {
  const [leftMajor = 0, leftMinor = 0] = left.split(".").map(Number);
  const [rightMajor = 0, rightMinor = 0] = right.split(".").map(Number);
  return leftMajor - rightMajor || leftMinor - rightMinor;
}
