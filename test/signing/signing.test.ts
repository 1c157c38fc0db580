import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderError } from "../../src/cli/view/error.ts";
import {
  preAuthenticationEncoding,
  readEnvelope,
  type Signer,
  sealStatement,
  signedBy,
} from "../../src/signing/envelope.ts";
import {
  formatPublicKey,
  keyIdOf,
  type PublicKey,
  parsePublicKey,
  publicBlob,
  readPublicKeys,
  wireString,
} from "../../src/signing/public-key.ts";
import { findSigner, keyFile, keyVariable, makeKey } from "../../src/signing/signing-key.ts";

function pair(name: string): { signer: Signer; trusted: PublicKey; secret: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const trusted = parsePublicKey(name, formatPublicKey(publicKey, name));
  if (!trusted) throw new Error("no key");
  return {
    signer: { keyId: trusted.id, sign: async (data) => sign(null, data, privateKey) },
    trusted,
    secret: privateKey,
  };
}

const [alice, bob] = [pair("alice"), pair("bob")];

describe("an envelope", () => {
  it("is signed over its type and its payload, as DSSE has it", () => {
    const encoded = preAuthenticationEncoding("http://example.com/HelloWorld", Buffer.from("hello world"));
    expect(encoded.toString()).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  });

  it("says who signed it, of the keys that count", async () => {
    const envelope = readEnvelope((await sealStatement({ a: 1 }, alice.signer)).toString());
    if (!envelope) throw new Error("no envelope");
    expect(envelope.payload.toString()).toBe('{"a":1}');
    expect(signedBy(envelope, [bob.trusted, alice.trusted])).toBe(alice.trusted);
    expect(signedBy(envelope, [bob.trusted])).toBeUndefined();
    expect(signedBy(envelope, [])).toBeUndefined();
  });

  it("proves nothing where nobody signed it, or where a single bit of it is another", async () => {
    const text = (await sealStatement({ stage: "prod", at: "now" }, alice.signer)).toString();
    const whole = readEnvelope(text);
    if (!whole) throw new Error("no envelope");
    const unsigned = readEnvelope((await sealStatement({ stage: "prod" }, undefined)).toString());
    expect(unsigned && signedBy(unsigned, [alice.trusted])).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(whole.payload.length * 8 - 1), (bit) => {
        const payload = Buffer.from(whole.payload);
        payload.writeUInt8(payload.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(signedBy({ ...whole, payload }, [alice.trusted])).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.nat(64 * 8 - 1), (bit) => {
        const sig = Buffer.from(whole.signatures[0]?.sig ?? []);
        sig.writeUInt8(sig.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(signedBy({ ...whole, signatures: [{ keyid: "", sig }] }, [alice.trusted])).toBeUndefined();
      }),
    );
  });

  it("is none where it is something else", () => {
    for (const text of ["", "[]", "{", '{"payloadType":"text/plain","payload":"","signatures":[]}']) {
      expect(readEnvelope(text)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readEnvelope(text)).toBeUndefined();
      }),
    );
  });
});

describe("keys", () => {
  let folder: string;
  let variables: Record<string, string>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "envctl-keys-"));
    variables = { HOME: join(folder, "home") };
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("are read as OpenSSH writes them, and named as it names them", () => {
    const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPsSD/8rlmDuj6hmbXx/LG6aJqqXehvKiJx2vb2x8Ics me\n";
    const key = parsePublicKey("me", line);
    expect(key?.id).toBe("SHA256:nAZvFgpsX/+XKWfbzYFWxA0hpck6Cy66ECe5pre6maQ");
    expect(key && formatPublicKey(key.key, "me")).toBe(line);
    for (const other of ["", "ssh-rsa AAAA me", "ssh-ed25519 AAAA me", line.replace("AAAAC3", "AAAAC4")]) {
      expect(parsePublicKey("me", other)).toBeUndefined();
    }
  });

  it("are made once, for nobody else to read, and count for the environment", async () => {
    const made = await makeKey(folder, "alice", variables);
    expect(made).toMatchObject({ fresh: true, privateFile: keyFile(variables) });
    expect(statSync(made.privateFile).mode & 0o777).toBe(0o600);
    expect((await readPublicKeys(folder)).map(({ name, id }) => [name, id])).toEqual([["alice", made.id]]);
    expect(await makeKey(folder, "alice", variables)).toEqual({ ...made, fresh: false });
    await expect(makeKey(folder, "alice", { HOME: join(folder, "other") })).rejects.toMatchObject({
      code: "key-exists",
    });
  });

  it("sign: that of the process first, then the user's own; and none where none counts", async () => {
    expect(await findSigner(folder, variables)).toBeUndefined();
    const made = await makeKey(folder, "alice", variables);
    expect((await findSigner(folder, variables))?.keyId).toBe(made.id);
    const secret = bob.secret.export({ format: "pem", type: "pkcs8" }).toString();
    await expect(findSigner(folder, { [keyVariable]: secret })).rejects.toMatchObject({
      code: "no-signing-key",
      evidence: [`alice: ${made.id}`, `yours, which is not among them: ${bob.trusted.id}`],
    });
    writeFileSync(join(folder, ".envctl/keys/bob.pub"), formatPublicKey(bob.trusted.key, "bob"));
    expect((await findSigner(folder, { ...variables, [keyVariable]: secret }))?.keyId).toBe(bob.trusted.id);
    const file = join(folder, "bob.pem");
    writeFileSync(file, secret);
    const signer = await findSigner(folder, { [keyVariable]: file });
    expect(signer?.keyId).toBe(keyIdOf(createPublicKey(bob.secret)));
  });

  it.each([
    ["refuses", (socket: Socket) => void socket.write(wireString(Buffer.from([5]))), "the SSH agent refuses to sign"],
    ["ends", (socket: Socket) => void socket.end(), "the SSH agent gives no whole answer"],
  ])("of an SSH agent that %s when asked to sign sign nothing, and that is no defect", async (_, answer, what) => {
    mkdirSync(join(folder, ".envctl/keys"), { recursive: true });
    writeFileSync(join(folder, ".envctl/keys/bob.pub"), formatPublicKey(bob.trusted.key, "bob"));
    const socket = join(folder, "agent.sock");
    const held = Buffer.concat([
      Buffer.from([12, 0, 0, 0, 1]),
      wireString(publicBlob(bob.trusted.key)),
      Buffer.alloc(4),
    ]);
    const agent = createServer((client) => {
      client.once("data", (asked) => {
        if (asked[4] === 11) client.write(wireString(held));
        else answer(client);
      });
    });
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
    try {
      const signer = await findSigner(folder, { ...variables, SSH_AUTH_SOCK: socket });
      expect(signer?.keyId).toBe(bob.trusted.id);
      await expect(signer?.sign(Buffer.from("x"))).rejects.toMatchObject({
        ...{ name: "EnvctlError", code: "agent-refused", exitCode: 1, message: what, where: socket },
        next: expect.stringContaining("run the same command again"),
      });
    } finally {
      agent.close();
    }
  });

  it("that are none are named by their file, and never shown", async () => {
    await makeKey(folder, "alice", variables);
    const error = await findSigner(folder, { [keyVariable]: "-----BEGIN PRIVATE KEY-----\nhush\n" }).catch((e) => e);
    expect(error).toMatchObject({ code: "key-invalid", where: keyVariable });
    expect(JSON.stringify(error)).not.toMatch(/hush/);
    const encoded = Buffer.from("-----BEGIN PRIVATE KEY-----\nhush\n").toString("base64");
    for (const given of [encoded, `${encoded}\0`, folder]) {
      const unread = await findSigner(folder, { [keyVariable]: given }).catch((e) => e);
      expect(unread).toMatchObject({ code: "key-invalid", exitCode: 2, where: keyVariable });
      expect(renderError(unread, (_, text) => text)).not.toContain(given);
    }
    writeFileSync(join(folder, "file"), "");
    const astray = { XDG_CONFIG_HOME: join(folder, "file") };
    await expect(findSigner(folder, astray)).rejects.toMatchObject({ code: "key-invalid", where: keyFile(astray) });
    writeFileSync(join(folder, ".envctl/keys/carol.pub"), "nonsense");
    await expect(readPublicKeys(folder)).rejects.toMatchObject({ where: join(folder, ".envctl/keys/carol.pub") });
    expect(await readFile(join(folder, ".envctl/keys/alice.pub"), "utf8")).toMatch(/^ssh-ed25519 AAAA\S+ alice\n$/);
  });
});
