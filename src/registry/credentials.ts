import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Credentials } from "./authentication.ts";

type Variables = Readonly<Record<string, string | undefined>>;

interface DockerConfig {
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credsStore: string | undefined;
  readonly credHelpers: Readonly<Record<string, unknown>>;
}

/**
 * Who we are to a registry: `ENVCTL_REGISTRY_USERNAME` and `_PASSWORD` for the host in `ENVCTL_REGISTRY`, else what `docker
 * login` left in Docker's configuration or its credential helpers; undefined for nobody.
 */
export async function credentialsFor(host: string, variables: Variables): Promise<Credentials | undefined> {
  const { ENVCTL_REGISTRY, ENVCTL_REGISTRY_USERNAME, ENVCTL_REGISTRY_PASSWORD } = variables;
  if (ENVCTL_REGISTRY === host && ENVCTL_REGISTRY_USERNAME && ENVCTL_REGISTRY_PASSWORD) {
    return { username: ENVCTL_REGISTRY_USERNAME, password: ENVCTL_REGISTRY_PASSWORD };
  }
  const file = join(variables.DOCKER_CONFIG || join(variables.HOME || homedir(), ".docker"), "config.json");
  const config = await readConfig(file);
  if (!config) return undefined;
  // Docker Hub is kept under the address of its first API.
  const keys =
    host === "docker.io"
      ? ["https://index.docker.io/v1/", "docker.io", "index.docker.io"]
      : [host, `https://${host}`, `https://${host}/`, `http://${host}`];
  for (const key of keys) {
    const helper = config.credHelpers[key] ?? config.credsStore;
    const found = typeof helper === "string" ? await askHelper(helper, key, variables, file) : undefined;
    if (found) return found;
    const plain = readAuth(config.auths[key], file);
    if (plain) return plain;
  }
  return undefined;
}

async function readConfig(file: string): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) throw new Error("it is not a JSON object");
    const { auths, credsStore, credHelpers } = value;
    return {
      auths: isObject(auths) ? auths : {},
      credsStore: typeof credsStore === "string" ? credsStore : undefined,
      credHelpers: isObject(credHelpers) ? credHelpers : {},
    };
  } catch (error) {
    throw invalid(file, messageOf(error));
  }
}

function readAuth(entry: unknown, file: string): Credentials | undefined {
  if (!isObject(entry)) return undefined;
  const { auth, identitytoken, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { username: "<token>", password: identitytoken };
  if (typeof username === "string" && typeof password === "string") return { username, password };
  if (typeof auth !== "string" || auth === "") return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw invalid(file, "an `auth` in it is not user:password in Base64");
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/** The protocol of docker-credential-helpers: the registry on standard input, JSON on standard output. */
async function askHelper(
  name: string,
  key: string,
  variables: Variables,
  file: string,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw invalid(file, `"${name}" is no name of a credential helper`);
  const program = `docker-credential-${name}`;
  const result = await execa(program, ["get"], {
    input: key,
    reject: false,
    timeout: 30_000,
    env: variables,
    extendEnv: false,
  });
  if (result.exitCode === undefined) {
    throw new EnvctlError({
      code: "credential-helper-missing",
      exitCode: ExitCode.unreachable,
      what: `Docker's configuration names the credential helper ${program}, which does not run`,
      where: file,
      next: `install ${program}, or take it out of that file and log in again`,
    });
  }
  // A helper that does not know a registry exits with 1: then there are no credentials for it.
  if (result.exitCode !== 0) return undefined;
  try {
    const answer: unknown = JSON.parse(result.stdout);
    if (!isObject(answer) || typeof answer.Username !== "string" || typeof answer.Secret !== "string") return undefined;
    return { username: answer.Username, password: answer.Secret };
  } catch {
    throw invalid(file, `${program} does not answer in JSON`);
  }
}

function invalid(file: string, why: string): EnvctlError {
  return new EnvctlError({
    code: "docker-config-invalid",
    exitCode: ExitCode.usage,
    what: `Docker's configuration cannot be used: ${why}`,
    where: file,
    state: "nothing was touched",
    next: "mend the file, or log in again: docker login",
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
