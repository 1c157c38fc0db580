import { Buffer } from "node:buffer";
import { EnvctlError, messageOf } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import type { ProvenanceFacts } from "../plan/gates/facts.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { signedBy } from "../signing/envelope.ts";
import type { PublicKey } from "../signing/public-key.ts";
import { type Attestation, Attestations } from "./attestations.ts";

/** SLSA provenance, v1: https://slsa.dev/spec/v1.0/provenance */
const provenanceType = "https://slsa.dev/provenance/v1";
const imageScheme = "docker-image://";

interface BuildProvenance {
  readonly facts: ProvenanceFacts;
  /** Who signed it; undefined where nobody did whose key counts. */
  readonly signer: PublicKey | undefined;
}

/** What the build said of itself, as far as it can be believed: signed by a key of the environment where there are keys. */
export async function readProvenance(
  { environment, connections, signal }: Workspace,
  release: Release,
  keys: readonly PublicKey[],
): Promise<BuildProvenance> {
  const attestations = new Attestations(await connections.repository(environment.image));
  const unknown = (why: string) => ({ facts: { unknown: why }, signer: undefined });
  let found: Attestation | undefined;
  try {
    const short = release.digest.slice("sha256:".length, "sha256:".length + 12);
    found = await attestations.find(`envctl-provenance.${environment.name}.${short}`, signal);
  } catch (error) {
    if (!(error instanceof EnvctlError) || error.code !== "attestation-broken") throw error;
    return unknown(messageOf(error));
  }
  if (!found) return unknown("its build has no provenance");
  const { predicateType, predicate, subjects, envelope, digest } = found;
  if (predicateType !== provenanceType || !isObject(predicate))
    return unknown("its provenance is of a kind nobody knows");
  if (!subjects.includes(release.digest)) return unknown("its provenance is about another image");
  const signer = signedBy(envelope, keys);
  if (keys.length > 0 && !signer) return unknown("no key of this environment signed its provenance");
  const build = isObject(predicate.buildDefinition) ? predicate.buildDefinition : {};
  const run = isObject(predicate.runDetails) ? predicate.runDetails : {};
  const { finishedOn } = isObject(run.metadata) ? run.metadata : {};
  const facts = {
    digest,
    signer: signer?.name,
    bases: basesIn(build),
    finishedAt: typeof finishedOn === "string" && !Number.isNaN(Date.parse(finishedOn)) ? finishedOn : undefined,
    differs: differences(build, release),
  };
  return { facts, signer };
}

/** What is in the image of other images, as the Dockerfile names them: what only reads the Dockerfile is not. */
function basesIn({ resolvedDependencies }: Record<string, unknown>): string[] {
  const list: readonly unknown[] = Array.isArray(resolvedDependencies) ? resolvedDependencies : [];
  return list.filter(isObject).flatMap(({ uri, name, content, annotations }) => {
    if (isObject(annotations) && annotations.use === "frontend") return [];
    if (typeof uri === "string") return uri.startsWith(imageScheme) ? [uri.slice(imageScheme.length)] : [];
    // A name that is none, such as one of a variable without a value: it stands there as it was written.
    const written = name === "image" && typeof content === "string";
    return written ? [Buffer.from(content, "base64").toString("utf8")] : [];
  });
}

function differences(build: Record<string, unknown>, { fingerprint, commit }: Release): string[] {
  const said = new Set(textsIn(build));
  return [
    ...(said.has(fingerprint) ? [] : [`it names other build inputs than ${fingerprint.slice(0, 12)}`]),
    ...(commit === undefined || said.has(commit) ? [] : [`it does not name the commit ${commit.slice(0, 12)}`]),
  ];
}

/** Every text in it, however deep: where a builder says what it was given is its own to define (SLSA §BuildDefinition). */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
