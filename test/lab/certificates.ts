import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { run } from "./command.ts";

/** A certificate authority of the lab's own: files `ca.pem` and `ca-key.pem` in its folder. */
export async function createAuthority(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const subject = ["-subj", "/CN=envctl lab authority", "-days", "30"];
  const extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  const out = ["-keyout", `${folder}/ca-key.pem`, "-out", `${folder}/ca.pem`];
  await run("openssl", ["req", "-x509", ...keyKind, ...out, ...subject, ...extensions]);
  await chmod(`${folder}/ca-key.pem`, 0o600);
}

const keyKind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Makes `NAME.pem` (or `NAME-cert.pem`) style pairs: a key and a certificate signed by the authority in `folder`. */
export async function createCertificate(
  folder: string,
  files: { readonly key: string; readonly certificate: string },
  wanted: {
    readonly name: string;
    readonly ips?: readonly string[];
    readonly use: "serverAuth" | "clientAuth";
    readonly days?: number;
  },
): Promise<void> {
  const request = `${files.certificate}.request`;
  const extensions = `${files.certificate}.extensions`;
  const alternatives = [`DNS:${wanted.name}`, "DNS:localhost", ...(wanted.ips ?? []).map((ip) => `IP:${ip}`)];
  await writeFile(extensions, `subjectAltName=${alternatives.join(",")}\nextendedKeyUsage=${wanted.use}\n`);
  await run("openssl", ["req", ...keyKind, "-keyout", files.key, "-out", request, "-subj", `/CN=${wanted.name}`]);
  const authority = ["-CA", `${folder}/ca.pem`, "-CAkey", `${folder}/ca-key.pem`, "-CAcreateserial"];
  const out = ["-in", request, "-out", files.certificate, "-days", String(wanted.days ?? 30), "-extfile", extensions];
  await run("openssl", ["x509", "-req", ...authority, ...out]);
  await chmod(files.key, 0o600);
  await rm(request);
  await rm(extensions);
}
