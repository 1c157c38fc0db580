import { EnvctlError, ExitCode } from "../base/errors.ts";

/** The error for an engine that docker's own command line cannot talk to, by what that printed. Free of secrets already. */
export function engineUnreachable(where: string, evidence: readonly string[]): EnvctlError {
  const reason = evidence.some((line) => forbidden.test(line)) ? noRights : noAnswer;
  return new EnvctlError({ ...reason, exitCode: ExitCode.unreachable, where, state: "Nothing was built.", evidence });
}

/** Whether it is of the engine that docker complains, and not of what it was to do. */
export function blamesEngine(text: string): boolean {
  return (
    forbidden.test(text) || /cannot connect to the Docker daemon|failed to dial gRPC|error during connect:/i.test(text)
  );
}

const forbidden = /permission denied while trying to connect to the docker|dial unix \S+: connect: permission denied/i;

const noRights = {
  code: "docker-permission-denied",
  what: "This user may not use the socket of the Docker engine that should build the image.",
  next: 'Run "sudo usermod -aG docker $USER", then log out and in again.',
};

const noAnswer = {
  code: "engine-unreachable",
  what: "The Docker engine that should build the image does not answer.",
  next: "Start Docker (for example `systemctl start docker`), or check DOCKER_HOST; `envctl doctor` tells more.",
};
