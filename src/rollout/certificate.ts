import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { digestOf } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { StageProxy } from "../environment/model.ts";

/** A certificate that the user brought, and its key: never in a plan, a label or a message. */
export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** Changes with either; tells nothing of the key. */
  readonly fingerprint: string;
  readonly validTo: Date;
}

/**
 * Reads the certificate of a stage's proxy; undefined where it has none of the user's own. Throws `certificate-invalid`
 * (exit 2) where certificate and key do not belong together, or are not for the stage's domains.
 */
export async function readCertificate(proxy: StageProxy | undefined): Promise<Certificate | undefined> {
  if (proxy?.tls.kind !== "own" || proxy.domains.length === 0) return undefined;
  const { certificate: file, key: keyFile } = proxy.tls;
  const [certificate, key] = await Promise.all([read(file), read(keyFile)]);
  const parsed = parse(file, () => new X509Certificate(certificate));
  const privateKey = parse(keyFile, () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(privateKey)) throw invalid(keyFile, `it is not the key of ${file}`);
  const other = proxy.domains.find((domain) => !coversDomain(parsed, domain));
  if (other !== undefined)
    throw invalid(file, `it is not for ${other}, but for ${parsed.subjectAltName ?? parsed.subject}`);
  return {
    certificate,
    key,
    fingerprint: digestOf(`${certificate}\n${digestOf(key)}`).slice("sha256:".length, "sha256:".length + 16),
    validTo: new Date(parsed.validTo),
  };
}

function coversDomain(certificate: X509Certificate, domain: string): boolean {
  // A wildcard is there as such, or covers the names below it one by one.
  if (domain.startsWith("*.")) return certificate.checkHost(`any${domain.slice(1)}`) !== undefined;
  return certificate.checkHost(domain) !== undefined;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw invalid(file, messageOf(error));
  }
}

function parse<Result>(file: string, work: () => Result): Result {
  try {
    return work();
  } catch {
    // The reason may quote what is in the file.
    throw invalid(file, "it is no PEM file of the kind that is wanted here");
  }
}

function invalid(file: string, why: string): EnvctlError {
  return new EnvctlError({
    code: "certificate-invalid",
    exitCode: ExitCode.usage,
    what: `the certificate of the stage's proxy cannot be used: ${why}`,
    where: file,
    state: "nothing was touched",
    next: "openssl x509 -noout -text -in that file shows what it is",
  });
}
