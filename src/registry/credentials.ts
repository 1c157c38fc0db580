import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { homeFolder } from "../base/user.ts";
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
  const given = fromVariables(host, variables);
  if (given) return given;
  const file = join(variables.DOCKER_CONFIG || join(homeFolder(variables), ".docker"), "config.json");
  const config = await readConfig(file);
  if (!config) return undefined;
  const helper = namedFor(host, config.credHelpers) ?? config.credsStore;
  // Docker Hub is kept under the address of its first API.
  const key = hostOf(host) === "docker.io" ? "https://index.docker.io/v1/" : host;
  // An empty name, as Docker takes it: of this registry no helper is asked.
  const helped =
    typeof helper === "string" && helper !== "" ? await askHelper(helper, key, variables, file) : undefined;
  return helped ?? readAuth(namedFor(host, config.auths), file);
}

function fromVariables(host: string, variables: Variables): Credentials | undefined {
  const { ENVCTL_REGISTRY, ENVCTL_REGISTRY_USERNAME, ENVCTL_REGISTRY_PASSWORD } = variables;
  if (!ENVCTL_REGISTRY_USERNAME || !ENVCTL_REGISTRY_PASSWORD) return undefined;
  if (!ENVCTL_REGISTRY) {
    throw new EnvctlError({
      code: "registry-unnamed",
      exitCode: ExitCode.usage,
      what: "ENVCTL_REGISTRY_USERNAME and ENVCTL_REGISTRY_PASSWORD are set, but not for which registry",
      where: host,
      state: "nothing was sent to any registry",
      next: `set ENVCTL_REGISTRY to the registry's host: ENVCTL_REGISTRY=${host}`,
    });
  }
  const named = hostOf(ENVCTL_REGISTRY) === hostOf(host);
  return named ? { username: ENVCTL_REGISTRY_USERNAME, password: ENVCTL_REGISTRY_PASSWORD } : undefined;
}

/** The entry for this host: keys are hosts, or addresses in the forms that Docker wrote over the years. */
function namedFor(host: string, entries: Readonly<Record<string, unknown>>): unknown {
  if (Object.hasOwn(entries, host)) return entries[host];
  return Object.entries(entries).find(([key]) => hostOf(key) === hostOf(host))?.[1];
}

function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

async function readConfig(file: string): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Who never logged in has none.
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw invalid(file, `it cannot be read (${code})`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the file, which may hold passwords.
    throw invalid(file, "it is not JSON");
  }
  if (!isObject(value)) throw invalid(file, "it is not a JSON object");
  const { auths, credsStore, credHelpers } = value;
  return {
    auths: isObject(auths) ? auths : {},
    credsStore: typeof credsStore === "string" && credsStore !== "" ? credsStore : undefined,
    credHelpers: isObject(credHelpers) ? credHelpers : {},
  };
}

function readAuth(entry: unknown, file: string): Credentials | undefined {
  if (!isObject(entry)) return undefined;
  const { auth, identitytoken, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { username: "<token>", password: identitytoken };
  const plain = typeof username === "string" && typeof password === "string" ? somebody(username, password) : undefined;
  if (plain || typeof auth !== "string" || auth === "") return plain;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw invalid(file, "an `auth` in it is not user:password in Base64");
  return somebody(text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, ""));
}

/** Half of them is nobody's, as Docker takes it: CI systems give variables that are not set as empty ones. */
function somebody(username: string, password: string): Credentials | undefined {
  return username === "" || password === "" ? undefined : { username, password };
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
  // Only now, here and elsewhere: most commands run no program, and execa is a tenth of all the code.
  const { execa } = await import("execa");
  const result = await execa(program, ["get"], {
    input: key,
    reject: false,
    timeout: 30_000,
    env: variables,
    extendEnv: false,
  });
  if (result.exitCode === undefined) {
    throw helperFailed("credential-helper-missing", program, "which does not run", file);
  }
  if (result.exitCode !== 0) {
    // What a helper says of a registry that it does not know (docker-credential-helpers, credentials/error.go).
    if (/credentials not found|no credentials/i.test(result.stdout + result.stderr)) return undefined;
    throw helperFailed("credential-helper-failed", program, `which fails (exit code ${result.exitCode})`, file);
  }
  try {
    const answer: unknown = JSON.parse(result.stdout);
    if (!isObject(answer) || typeof answer.Username !== "string" || typeof answer.Secret !== "string") return undefined;
    return somebody(answer.Username, answer.Secret);
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

function helperFailed(code: string, program: string, how: string, file: string): EnvctlError {
  return new EnvctlError({
    code,
    exitCode: ExitCode.unreachable,
    what: `Docker's configuration names the credential helper ${program}, ${how}`,
    where: file,
    next: `install or mend ${program}, or take it out of that file and log in again`,
  });
}
