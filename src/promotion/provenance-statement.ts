import type { Digest } from "../base/digest.ts";
import { isObject, textOf } from "../base/json.ts";
import { pinned } from "../base/reference.ts";
import { version } from "../base/version.ts";
import type { ResolvedBase } from "../build/base-digests.ts";
import { taggedName } from "../build/base-digests.ts";
import type { BuildFacts } from "../build/build-facts.ts";
import type { Release } from "../release/release.ts";

/** SLSA, provenance v1: https://slsa.dev/spec/v1.0/provenance */
export const provenanceType = "https://slsa.dev/provenance/v1";
const imageScheme = "docker-image://";
const buildType = "urn:envctl:build:dockerfile:v1";

/** When it was said, and whether by the command that built or, where that one was killed, by one after it. */
interface Saying {
  readonly at: Date;
  readonly later: boolean;
}

/** The predicate: what was built, of what, by which program, when. Names of our own carry our name, as SLSA asks for. */
export function provenancePredicate(release: Release, facts: BuildFacts, saying: Saying): object {
  return {
    buildDefinition: {
      buildType,
      externalParameters: facts.definition,
      internalParameters: {
        release: facts.release,
        fingerprint: facts.fingerprint,
        dirty: facts.git.dirty,
        forced: facts.forced,
      },
      resolvedDependencies: [
        ...source(facts),
        { name: "Dockerfile", digest: hex(facts.dockerfileDigest) },
        ...facts.bases.map(dependency),
      ],
    },
    runDetails: {
      builder: {
        id: `urn:envctl:builder:${facts.builder.kind}`,
        version: { envctl: version, [facts.builder.kind === "buildx" ? "buildx" : "docker"]: facts.builder.version },
      },
      metadata: { invocationId: facts.invocation, startedOn: facts.startedAt, finishedOn: facts.finishedAt },
      byproducts: Object.entries(release.configs).map(([platform, digest]) => ({
        name: `configuration ${platform}`,
        digest: hex(digest),
      })),
    },
    envctl_builtBy: facts.by,
    envctl_attested: { on: saying.at.toISOString(), later: saying.later },
  };
}

/** Without a remote it has no address, and without git it is known by the fingerprint alone. */
function source({ git }: BuildFacts): object[] {
  if (git.commit === undefined) return [];
  const uri = git.source === undefined ? {} : { uri: `git+${git.source}` };
  const branch = git.branch === undefined ? {} : { branch: git.branch };
  return [{ name: "source", ...uri, digest: { gitCommit: git.commit }, annotations: { dirty: git.dirty, ...branch } }];
}

/** in-toto, resource descriptor: one of `uri`, `digest` and `content` must be there. */
function dependency({ use, text, image, digest, toldBy }: ResolvedBase): object {
  const annotations = { use, ...(toldBy === undefined ? {} : { toldBy }) };
  if (!image) {
    // An address that nobody can take for one of an image: whoever judges bases must see that one is not known.
    const uri = `${imageScheme}${encodeURI(text)}`;
    return { name: "image", uri, content: Buffer.from(text).toString("base64"), annotations };
  }
  const name = image.tag === undefined && image.digest ? pinned(image, image.digest) : taggedName(image);
  return { uri: `${imageScheme}${name}`, ...(digest ? { digest: hex(digest) } : {}), annotations };
}

function hex(digest: Digest): { readonly sha256: string } {
  return { sha256: digest.slice("sha256:".length) };
}

/** What people want to know of it. */
export interface Provenance {
  readonly release: string;
  readonly fingerprint: string;
  readonly builder: string;
  readonly builtBy: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly commit: string | undefined;
  readonly source: string | undefined;
  readonly dirty: boolean;
  readonly attestedAt: string;
  readonly later: boolean;
  readonly images: readonly { readonly uri: string; readonly digest: string | undefined; readonly use: string }[];
}

/** Reads a predicate: foreign data until its signature is proven. Undefined if it is none of ours. */
export function readProvenance(predicate: unknown): Provenance | undefined {
  if (!isObject(predicate)) return undefined;
  const definition = objectIn(predicate.buildDefinition);
  const run = objectIn(predicate.runDetails);
  const inner = objectIn(definition.internalParameters);
  const { startedOn, finishedOn } = objectIn(run.metadata);
  const { on, later } = objectIn(predicate.envctl_attested);
  const builder = objectIn(run.builder);
  const texts = [inner.release, inner.fingerprint, builder.id, predicate.envctl_builtBy, startedOn, finishedOn, on];
  if (definition.buildType !== buildType || !texts.every((text) => typeof text === "string")) return undefined;
  const dependencies = Array.isArray(definition.resolvedDependencies)
    ? definition.resolvedDependencies.filter(isObject)
    : [];
  const git = dependencies.find((one) => typeof objectIn(one.digest).gitCommit === "string");
  return {
    release: String(inner.release),
    fingerprint: String(inner.fingerprint),
    builder: `${String(builder.id)} (${Object.entries(objectIn(builder.version))
      .map(([name, value]) => `${name} ${textOf(value)}`)
      .join(", ")})`,
    builtBy: String(predicate.envctl_builtBy),
    startedAt: String(startedOn),
    finishedAt: String(finishedOn),
    commit: textIn(objectIn(git?.digest).gitCommit),
    source: textIn(git?.uri),
    dirty: inner.dirty === true,
    attestedAt: String(on),
    later: later === true,
    images: dependencies.flatMap((one) => {
      const { use } = objectIn(one.annotations);
      if (typeof use !== "string") return [];
      const text = typeof one.content === "string" ? Buffer.from(one.content, "base64").toString("utf8") : undefined;
      return [{ uri: text ?? textIn(one.uri) ?? "", digest: digestText(one.digest), use }];
    }),
  };
}

function digestText(digest: unknown): string | undefined {
  const sha256 = textIn(objectIn(digest).sha256);
  return sha256 && `sha256:${sha256}`;
}

function objectIn(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
