import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { engineUnreachable } from "./engine-unreachable.ts";

type BuilderKind = "buildx" | "buildkit" | "classic";

/** A program that builds images, found by trying it. */
export interface Builder {
  /**
   * `buildx`: `docker buildx build`; `buildkit`: `DOCKER_BUILDKIT=1 docker build` of a CLI before 23; `classic`: the engine's
   * old builder, without build secrets, several platforms or `<Dockerfile>.dockerignore`.
   */
  readonly kind: BuilderKind;
  /** Of buildx for `buildx`, else of the CLI. */
  readonly version: string;
  /** Absolute path of the docker CLI. */
  readonly binary: string;
  /** For `classic`: what the person should know. */
  readonly warning: string | undefined;
}

export interface ProbeOptions {
  /** The whole environment of the programs that are tried: PATH, HOME, DOCKER_HOST, … */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the best builder among all docker CLIs on PATH. Nothing is assumed from a version alone: a newer CLI may lack the
 * buildx plug-in and then refuses BuildKit, while an older one behind it on PATH has it built in.
 * Throws `docker-missing`, or `engine-unreachable` or `docker-permission-denied` (exit 5) where the engine has to be asked
 * and doesn't answer.
 */
export async function findBuilder(options: ProbeOptions): Promise<Builder> {
  const binaries = await dockerBinaries(options.variables.PATH ?? "");
  const clients: Client[] = [];
  for (const binary of binaries) {
    const buildx = /\bv?(\d+\.\d+[^\s]*)/.exec((await run(binary, ["buildx", "version"], options)).output)?.[1];
    if (buildx !== undefined) return { kind: "buildx", version: buildx, binary, warning: undefined };
    // `podman-docker` installs a `docker` that is Podman: it knows nothing of DOCKER_HOST, so it is passed over.
    const version = /^Docker version ([^\s,]+)/.exec((await run(binary, ["--version"], options)).output)?.[1];
    if (version !== undefined) clients.push({ binary, version, major: Number.parseInt(version, 10) });
  }
  const first = clients[0];
  if (first === undefined) throw dockerMissing(binaries);
  const integrated = clients.find((client) => client.major >= 19 && client.major < 23);
  const engine = await describeEngine((integrated ?? first).binary, options);
  if (integrated !== undefined && engine.hasBuildKit) {
    return { kind: "buildkit", version: integrated.version, binary: integrated.binary, warning: undefined };
  }
  return {
    kind: "classic",
    version: first.version,
    binary: first.binary,
    warning: engine.hasBuildKit
      ? "The docker CLI has no buildx plug-in, so this build uses Docker's old builder: slower, without build secrets, several platforms or RUN --mount. Install the package docker-buildx-plugin (or docker-buildx)."
      : `The engine (API ${engine.version}) has no BuildKit, so this build uses Docker's old builder: slower, without build secrets, several platforms or RUN --mount.`,
  };
}

interface Client {
  readonly binary: string;
  readonly version: string;
  readonly major: number;
}

/** In PATH's order; two names of one file count once. Relative entries are skipped: they change with the folder. */
async function dockerBinaries(path: string): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const binary = join(folder, process.platform === "win32" ? "docker.exe" : "docker");
    try {
      await access(binary, constants.X_OK);
      const real = await realpath(binary);
      if (!found.has(real)) found.set(real, binary);
    } catch {
      // Not in this folder.
    }
  }
  return [...found.values()];
}

interface EngineAnswer {
  readonly version: string;
  readonly hasBuildKit: boolean;
}

/** BuildKit sessions exist from API 1.39 on, on Linux engines that are Docker's own. */
async function describeEngine(binary: string, options: ProbeOptions): Promise<EngineAnswer> {
  const format = "{{.Server.APIVersion}} {{.Server.Os}} {{range .Server.Components}}{{.Name}},{{end}}";
  const answer = await run(binary, ["version", "--format", format], options);
  const match = /^(1\.(\d+)) (\S+) (.*)$/m.exec(answer.output);
  if (match === null) {
    const where = options.variables.DOCKER_HOST ?? options.variables.DOCKER_CONTEXT ?? "the local Docker engine";
    throw engineUnreachable(where, answer.problem === "" ? [] : answer.problem.split("\n"));
  }
  const isPodman = /podman/i.test(match[4] ?? "");
  return { version: match[1] ?? "", hasBuildKit: Number(match[2]) >= 39 && match[3] === "linux" && !isPodman };
}

function dockerMissing(binaries: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "docker-missing",
    exitCode: ExitCode.failed,
    what:
      binaries.length === 0
        ? "There is no docker command on PATH."
        : `No usable docker command: ${binaries.join(", ")}`,
    state: "Nothing was built.",
    next: "Install Docker: https://docs.docker.com/engine/install/ (Debian and Ubuntu: `apt-get install docker.io`).",
  });
}

async function run(
  binary: string,
  command: readonly string[],
  options: ProbeOptions,
): Promise<{ output: string; problem: string }> {
  const { execa } = await import("execa");
  const result = await execa(binary, command, {
    env: options.variables,
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    timeout: 20_000,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  return { output: result.failed ? "" : result.stdout, problem: result.stderr.trim() };
}
