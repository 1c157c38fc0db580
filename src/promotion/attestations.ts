import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { type Envelope, readEnvelope, type Signer } from "../signing/envelope.ts";
import { readArtifact, storeStatement } from "./signed-artifact.ts";

const statementKind = "https://in-toto.io/Statement/v1";

/** What somebody says of one image, whenever they like and without any lock: an approval, how it was built. */
export interface Attestation {
  /** Digest of its manifest: by this a stage's records name it. */
  readonly digest: Digest;
  readonly predicateType: string;
  /** Foreign data: whoever reads it proves its form, and its signature by `envelope`. */
  readonly predicate: unknown;
  /** Digests that it is about. */
  readonly subjects: readonly string[];
  readonly envelope: Envelope;
}

export interface NewAttestation {
  /** A tag that no other statement ever has: no two people can take each other's away. */
  readonly tag: string;
  readonly predicateType: string;
  readonly predicate: object;
  readonly subject: { readonly name: string; readonly digest: Digest };
}

/** The statements beside a stage's history: in-toto in DSSE, as OCI artifacts with the image as their subject. */
export class Attestations {
  readonly #repository: OpenRepository;

  constructor(repository: OpenRepository) {
    this.#repository = repository;
  }

  async add(attestation: NewAttestation, signer: Signer | undefined, signal?: AbortSignal): Promise<Attestation> {
    const { predicateType, predicate, subject } = attestation;
    const digest = { sha256: subject.digest.slice("sha256:".length) };
    const statement = { _type: statementKind, subject: [{ name: subject.name, digest }], predicateType, predicate };
    const options = { about: subject.digest, tags: [attestation.tag], signer, signal };
    const { digest: stored, content } = await storeStatement(this.#repository, statement, options);
    return this.#read(attestation.tag, stored, content.toString("utf8"));
  }

  /** By tag or by the manifest's digest; undefined where there is none. Throws `attestation-broken` (exit 6). */
  async find(reference: string, signal?: AbortSignal): Promise<Attestation | undefined> {
    const broken = (what: string) => this.#broken(reference, what);
    const artifact = await readArtifact(this.#repository, reference, broken, signal);
    return artifact && this.#read(reference, artifact.digest, artifact.content.toString("utf8"));
  }

  /** All whose tag begins like this, in the order of their tags. */
  async withPrefix(prefix: string, signal?: AbortSignal): Promise<Attestation[]> {
    const { registry, path } = this.#repository;
    const tags = (await registry.tags(path, signal)).filter((tag) => tag.startsWith(prefix)).sort();
    const found = await Promise.all(tags.map((tag) => this.find(tag, signal)));
    return found.filter((attestation) => attestation !== undefined);
  }

  #read(reference: string, digest: Digest, text: string): Attestation {
    const envelope = readEnvelope(text);
    const statement = envelope && parseJson(envelope.payload.toString("utf8"));
    if (!envelope || !isObject(statement) || statement._type !== statementKind || !Array.isArray(statement.subject)) {
      throw this.#broken(reference, "it is no statement of in-toto's");
    }
    const { predicateType, predicate, subject } = statement;
    if (typeof predicateType !== "string") throw this.#broken(reference, "it does not say of which kind it is");
    return { digest, predicateType, predicate, subjects: digestsOf(subject), envelope };
  }

  #broken(reference: string, what: string): EnvctlError {
    const { registry, path } = this.#repository;
    return new EnvctlError({
      code: "attestation-broken",
      exitCode: ExitCode.identityMismatch,
      what: `an attestation cannot be trusted: ${what}`,
      where: `${registry.host}/${path}:${reference}`,
      state: "what runs is untouched",
      next: "somebody changed it in the registry: ask who can push there",
    });
  }
}

/** Digests of the subjects of an in-toto statement. */
export function digestsOf(subject: readonly unknown[]): string[] {
  return subject.flatMap((entry) =>
    isObject(entry) && isObject(entry.digest) && typeof entry.digest.sha256 === "string"
      ? [`sha256:${entry.digest.sha256}`]
      : [],
  );
}
