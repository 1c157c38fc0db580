import { type Digest, isDigest } from "../base/digest.ts";
import { messageOf } from "../base/errors.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { signedBy } from "../signing/envelope.ts";
import { type PublicKey, readPublicKeys } from "../signing/public-key.ts";
import { type Attestation, Attestations } from "./attestations.ts";
import { doubtOf, provenancePrefix, provenanceTag } from "./provenance.ts";
import { type Provenance, readProvenance } from "./provenance-statement.ts";

/** One build, as it is attested. */
export interface AttestedBuild {
  /** Of the image that it made. */
  readonly image: Digest;
  /** Of the attestation's manifest. */
  readonly digest: Digest;
  readonly provenance: Provenance;
  /** Name of the key of this environment that signed it. */
  readonly signer: string | undefined;
}

interface BuildProblem {
  readonly tag: string;
  readonly what: string;
}

export interface VerifiedBuilds {
  readonly builds: readonly AttestedBuild[];
  readonly problems: readonly BuildProblem[];
}

/** How many attestations are asked for side by side. */
const width = 16;

/** All attested builds of the environment, newest first, and what is wrong with those that are none. */
export async function readBuilds(workspace: Workspace): Promise<VerifiedBuilds> {
  const { environment, connections, signal } = workspace;
  const repository = await connections.repository(environment.image);
  const keys = await readPublicKeys(environment.directory);
  const prefix = provenancePrefix(environment.name);
  const tags = (await repository.registry.tags(repository.path, signal)).filter((tag) => tag.startsWith(prefix));
  const attestations = new Attestations(repository);
  const builds: AttestedBuild[] = [];
  const problems: BuildProblem[] = [];
  const rest = tags.values();
  const worker = async () => {
    for (const tag of rest) {
      const found = await attestations.find(tag, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        return messageOf(error);
      });
      const build = typeof found === "string" ? found : found && buildOf(environment.name, tag, found, keys);
      if (typeof build === "string") problems.push({ tag, what: build });
      else if (build) builds.push(build);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  builds.sort((left, right) => (left.provenance.finishedAt < right.provenance.finishedAt ? 1 : -1));
  problems.sort((left, right) => (left.tag < right.tag ? -1 : 1));
  return { builds, problems };
}

/** Or what is wrong with it. A signature that is missing is for whoever asks for proof. */
function buildOf(
  environment: string,
  tag: string,
  found: Attestation,
  keys: readonly PublicKey[],
): AttestedBuild | string {
  const image = found.subjects.find((digest) => isDigest(digest) && provenanceTag(environment, digest) === tag);
  if (image === undefined || !isDigest(image)) return "its tag is that of another image's";
  const doubt = doubtOf(found, image, []);
  const provenance = readProvenance(found.predicate);
  if (doubt !== undefined || !provenance) return doubt ?? "it is no provenance of envctl's";
  return { image, digest: found.digest, provenance, signer: signedBy(found.envelope, keys)?.name };
}

/** The same, where each must be signed by a key of the environment, if it has any. */
export async function verifyBuilds(workspace: Workspace): Promise<VerifiedBuilds> {
  const [{ builds, problems }, keys] = await Promise.all([
    readBuilds(workspace),
    readPublicKeys(workspace.environment.directory),
  ]);
  const unsigned = keys.length === 0 ? [] : builds.filter(({ signer }) => signer === undefined);
  return {
    builds,
    problems: [
      ...problems,
      ...unsigned.map(({ image }) => ({
        tag: provenanceTag(workspace.environment.name, image),
        what: "no key of this environment signed it",
      })),
    ],
  };
}
