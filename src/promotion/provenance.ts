import type { Digest } from "../base/digest.ts";
import { messageOf } from "../base/errors.ts";
import { forgetBuild, recallBuild } from "../build/build-note.ts";
import { type MadeRelease, type MakeOptions, makeRelease } from "../build/make-release.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type Signer, signedBy } from "../signing/envelope.ts";
import { type PublicKey, readPublicKeys } from "../signing/public-key.ts";
import { type Attestation, Attestations } from "./attestations.ts";
import { provenancePredicate, provenanceType } from "./provenance-statement.ts";

export interface AttestedRelease extends MadeRelease {
  /** The statement of how it was built; undefined where nobody has made one. */
  readonly provenance: Digest | undefined;
}

/**
 * Builds and pushes the image unless these very inputs were built before, and attests how it was built. Who finds a release
 * that is not attested does not know how it came about, and says nothing of it, whoever asks: unless he built it himself
 * here, in a command that was killed before it could say so.
 */
export async function makeAttestedRelease(
  workspace: Workspace,
  options: MakeOptions,
  signer: Signer | undefined,
): Promise<AttestedRelease> {
  const made = await makeRelease(workspace, options);
  return { ...made, provenance: await attest(workspace, made, signer) };
}

/** No two releases have the same, and one has it once. */
export function provenanceTag(environment: string, digest: Digest): string {
  return `${provenancePrefix(environment)}${digest.slice("sha256:".length, "sha256:".length + 12)}`;
}

export function provenancePrefix(environment: string): string {
  return `envctl-provenance.${environment}.`;
}

/** Why an attestation is no provenance of this image by a key that counts; undefined where it is one. */
export function doubtOf(found: Attestation, digest: Digest, keys: readonly PublicKey[]): string | undefined {
  if (found.predicateType !== provenanceType) return "it is no provenance";
  if (!found.subjects.includes(digest)) return "it is about another image";
  return keys.length > 0 && !signedBy(found.envelope, keys) ? "no key of this environment signed it" : undefined;
}

/** The digest of the attestation of how a release was built, if there is one that counts. */
export async function provenanceOf(workspace: Workspace, release: Release): Promise<Digest | undefined> {
  const found = await lookFor(workspace, release);
  return "digest" in found ? found.digest : undefined;
}

/** The one that counts, or why what is there does not; without either where there is none. */
async function lookFor(
  { environment, connections, signal }: Workspace,
  { digest }: Release,
): Promise<{ readonly digest: Digest } | { readonly doubt: string | undefined }> {
  const attestations = new Attestations(await connections.repository(environment.image));
  const keys = await readPublicKeys(environment.directory);
  try {
    const found = await attestations.find(provenanceTag(environment.name, digest), signal);
    const doubt = found && doubtOf(found, digest, keys);
    return found && doubt === undefined ? { digest: found.digest } : { doubt };
  } catch (error) {
    signal.throwIfAborted();
    return { doubt: messageOf(error) };
  }
}

async function attest(
  workspace: Workspace,
  made: MadeRelease,
  signer: Signer | undefined,
): Promise<Digest | undefined> {
  const { environment, connections, progress, signal, clock } = workspace;
  const { release } = made;
  const found = await lookFor(workspace, release);
  if ("digest" in found) {
    if (made.facts) await forgetBuild(workspace, release);
    return found.digest;
  }
  const facts = made.facts ?? (await recallBuild(workspace, release));
  if (!facts) {
    if (signer) tellNobodySays(workspace, release, found.doubt);
    return undefined;
  }
  const later = made.facts === undefined;
  return await progress.step("attest the build", async (at) => {
    try {
      const predicate = provenancePredicate(release, facts, { at: clock.now(), later });
      const subject = { name: `${environment.name}:${release.name}`, digest: release.digest };
      const attestations = new Attestations(await connections.repository(environment.image));
      const tag = provenanceTag(environment.name, release.digest);
      const added = await attestations.add({ tag, predicateType: provenanceType, predicate, subject }, signer, signal);
      await forgetBuild(workspace, release);
      if (later) at.note("it was built before, here, by a command that could not say so");
      return added.digest;
    } catch (error) {
      signal.throwIfAborted();
      at.note("not attested");
      progress.warn(`how ${release.name} was built is not attested yet, the next build does it: ${messageOf(error)}`);
      return undefined;
    }
  });
}

/** Where nothing is signed, a statement would prove nothing, and nobody misses it. */
function tellNobodySays({ progress }: Workspace, release: Release, doubt: string | undefined): void {
  const what = doubt === undefined ? "nobody has attested it" : `its attestation does not count: ${doubt}`;
  progress.warn(
    `how ${release.name} was built is not known: ${what}, and only who built it could; envctl build --force-build builds it anew`,
  );
}
