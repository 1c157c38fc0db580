import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Signer } from "./envelope.ts";
import { type PublicKey, publicBlob, wireString } from "./public-key.ts";

/** SSH agent protocol (draft-ietf-sshm-ssh-agent): the messages that are used here. */
const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;

/** An agent that asks a person to touch a token takes its time. Milliseconds. */
const patience = 60_000;
/** No answer of an agent is longer than this. Bytes. */
const longestAnswer = 256 * 1024;

/** A signer for the first of these keys that the agent at this socket holds. Undefined where it holds none, or is not there. */
export async function agentSigner(socket: string, keys: readonly PublicKey[]): Promise<Signer | undefined> {
  const answer = await ask(socket, Buffer.from([requestIdentities])).catch(() => undefined);
  if (answer?.[0] !== identitiesAnswer) return undefined;
  const reader = new Reader(answer.subarray(1));
  const held: string[] = [];
  for (let left = reader.number(); left > 0; left -= 1) {
    held.push(reader.string().toString("base64"));
    reader.string();
  }
  const found = keys.find(({ key }) => held.includes(publicBlob(key).toString("base64")));
  return found && { keyId: found.id, sign: (data) => signByAgent(socket, publicBlob(found.key), data) };
}

/** Throws `agent-refused` (exit 1): a person may have to say yes to each signature, and may say no, or be away. */
async function signByAgent(socket: string, blob: Buffer, data: Uint8Array): Promise<Buffer> {
  const flags = Buffer.alloc(4);
  const message = Buffer.concat([Buffer.from([signRequest]), wireString(blob), wireString(data), flags]);
  const answer = await ask(socket, message).catch((error: unknown) => {
    throw unsigned(socket, messageOf(error), error);
  });
  if (answer[0] !== signResponse) throw unsigned(socket, "the SSH agent refuses to sign");
  const signature = new Reader(new Reader(answer.subarray(1)).string());
  signature.string();
  return signature.string();
}

function unsigned(socket: string, what: string, cause?: unknown): EnvctlError {
  return new EnvctlError({
    code: "agent-refused",
    exitCode: ExitCode.failed,
    what,
    where: socket,
    next: "see that it is unlocked, say yes where it asks, and run the same command again",
    cause,
  });
}

async function ask(path: string, message: Uint8Array): Promise<Buffer> {
  const socket = connect(path);
  try {
    socket.setTimeout(patience, () => socket.destroy(new Error("the SSH agent does not answer")));
    socket.write(wireString(message));
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

async function readAnswer(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length < 4) continue;
    const length = received.readUInt32BE();
    if (length > longestAnswer) break;
    if (received.length >= 4 + length) return received.subarray(4, 4 + length);
  }
  throw new Error("the SSH agent gives no whole answer");
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  string(): Buffer {
    const length = this.number();
    if (this.#at + length > this.#bytes.length) throw new RangeError("the SSH agent's answer ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
