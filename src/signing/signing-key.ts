import type { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { homeFolder } from "../base/user.ts";
import type { Signer } from "./envelope.ts";
import { formatPublicKey, keyFolder, keyIdOf, type PublicKey, parsePublicKey, readPublicKeys } from "./public-key.ts";
import { agentSigner } from "./ssh-agent.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** For CI: the private key itself (PEM), or the path of its file. */
export const keyVariable = "ENVCTL_SIGNING_KEY";

/** `$XDG_CONFIG_HOME/envctl/signing-key.pem`, or `~/.config/…` (XDG Base Directory Specification). */
export function keyFile(variables: Variables): string {
  const base = variables.XDG_CONFIG_HOME;
  const folder = base !== undefined && isAbsolute(base) ? base : join(homeFolder(variables), ".config");
  return join(folder, "envctl", "signing-key.pem");
}

/**
 * Who signs for this environment here: the key in `ENVCTL_SIGNING_KEY`, the one in the user's own folder, or one of the
 * SSH agent's; the first whose public part is among the environment's keys. Undefined where the environment has no keys:
 * then nothing is signed. Throws `no-signing-key` (exit 2) where it has, and none of them is to be had here.
 */
export async function findSigner(directory: string, variables: Variables): Promise<Signer | undefined> {
  const trusted = await readPublicKeys(directory);
  if (trusted.length === 0) return undefined;
  const own = await ownKey(variables);
  if (own && trusted.some(({ id }) => id === keyIdOf(own))) return keySigner(own);
  const socket = variables.SSH_AUTH_SOCK;
  const agent = socket ? await agentSigner(socket, trusted) : undefined;
  if (agent) return agent;
  throw noKey(directory, trusted, own);
}

/** The user's own private key, wherever it is; undefined where there is none. Throws `key-invalid` (exit 2). */
export async function ownKey(variables: Variables): Promise<KeyObject | undefined> {
  const given = variables[keyVariable];
  if (given?.includes("PRIVATE KEY")) return parsePrivateKey(given, keyVariable);
  const file = given || keyFile(variables);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" && !given) return undefined;
    throw given ? notAFile(error) : unreadable(file, error);
  });
  return text === undefined ? undefined : parsePrivateKey(text, file);
}

export interface MadeKey {
  readonly publicFile: string;
  readonly privateFile: string;
  readonly id: string;
  /** False where the user had a key already: it is used for this environment, too. */
  readonly fresh: boolean;
}

/**
 * Makes the user's key unless there is one, and writes its public part into the environment's folder. Running it again
 * changes nothing. Throws `key-exists` (exit 2) where another key goes by that name.
 */
export async function makeKey(directory: string, name: string, variables: Variables): Promise<MadeKey> {
  const privateFile = keyFile(variables);
  const found = await ownKey(variables);
  const key = found ?? generateKeyPairSync("ed25519").privateKey;
  const publicFile = join(keyFolder(directory), `${name}.pub`);
  const id = keyIdOf(createPublicKey(key));
  const line = formatPublicKey(createPublicKey(key), name);
  const there = await readFile(publicFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there !== undefined && parsePublicKey(name, there)?.id !== id) throw exists(publicFile);
  if (!found) {
    await mkdir(dirname(privateFile), { recursive: true, mode: 0o700 });
    await writeFile(privateFile, key.export({ format: "pem", type: "pkcs8" }), { mode: 0o600, flag: "wx" });
  }
  if (there === undefined) {
    await mkdir(keyFolder(directory), { recursive: true });
    await writeFile(publicFile, line, { flag: "wx" });
  }
  return { publicFile, privateFile, id, fresh: !found };
}

function keySigner(key: KeyObject): Signer {
  return { keyId: keyIdOf(createPublicKey(key)), sign: async (data): Promise<Buffer> => sign(null, data, key) };
}

function parsePrivateKey(text: string, where: string): KeyObject {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Said below, without the text: it may be a secret in a broken form.
  }
  throw new EnvctlError({
    code: "key-invalid",
    exitCode: ExitCode.usage,
    what: "this is no Ed25519 private key in PEM (PKCS #8)",
    where,
    state: "nothing was touched",
    next: "envctl keys init makes one; a key of OpenSSH's is used through the SSH agent: ssh-add",
  });
}

function unreadable(file: string, cause: Error): EnvctlError {
  return new EnvctlError({
    code: "key-invalid",
    exitCode: ExitCode.usage,
    what: `your signing key cannot be read: ${cause.message}`,
    where: file,
    state: "nothing was touched",
    next: "mend that; envctl keys list then shows whether the key counts",
    cause,
  });
}

/** Says neither the name nor what the system says of it: a key in another form than PEM, as base64, is taken for a name. */
function notAFile({ code = "it is no path" }: NodeJS.ErrnoException): EnvctlError {
  return new EnvctlError({
    code: "key-invalid",
    exitCode: ExitCode.usage,
    what: `${keyVariable} is no private key in PEM, and no file of that name can be read (${code})`,
    where: keyVariable,
    state: "nothing was touched",
    next: `put the private key itself (PEM), or the path of its file, into ${keyVariable}`,
  });
}

function exists(file: string): EnvctlError {
  return new EnvctlError({
    code: "key-exists",
    exitCode: ExitCode.usage,
    what: "another key goes by this name",
    where: file,
    state: "nothing was written",
    next: "envctl keys init --name <another name>",
  });
}

function noKey(directory: string, trusted: readonly PublicKey[], own: KeyObject | undefined): EnvctlError {
  return new EnvctlError({
    code: "no-signing-key",
    exitCode: ExitCode.usage,
    what: "the history of this environment is signed, and none of its keys is to be had here",
    where: keyFolder(directory),
    evidence: [
      ...trusted.map(({ name, id }) => `${name}: ${id}`),
      ...(own ? [`yours, which is not among them: ${keyIdOf(createPublicKey(own))}`] : []),
    ],
    state: "nothing was touched",
    next: `envctl keys init, and commit the public key; in CI, put a private key into ${keyVariable}`,
  });
}
