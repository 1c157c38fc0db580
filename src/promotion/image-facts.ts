import { Buffer } from "node:buffer";
import type { Digest } from "../base/digest.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { Stage } from "../environment/model.ts";
import type { AttachedReport, ImageFacts } from "../plan/gates/facts.ts";
import { readReport } from "../plan/reports/read-report.ts";
import { describeImage } from "../registry/image.ts";
import { readContent } from "../registry/manifest-content.ts";
import type { Descriptor } from "../registry/registry.ts";
import type { Release } from "../release/release.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { envelopeType } from "./signed-artifact.ts";

/** No report is larger than this. Bytes. */
const largest = 64 * 1024 * 1024;

/** Words in the types of artifacts that are meant as reports: one that cannot be read is told of. */
const reporting = /sarif|cyclonedx|spdx|trivy|grype|vuln|sbom/i;

/** What the registry tells of an image, and what other tools have attached to it there. */
export async function readImageFacts(
  workspace: Workspace,
  stage: Stage,
  release: Release,
  from: Stage,
): Promise<ImageFacts> {
  const { connections, environment, signal } = workspace;
  const repository = await connections.repository(from.repository);
  const image = await describeImage(repository.registry, repository.path, release.digest, signal);
  const platforms = image?.platforms ?? [];
  const { vulnerabilities, sbom } = stage.gates.image;
  const programs = [stage.app, ...stage.workers].map(({ name, user }) => ({ name, user }));
  if (!vulnerabilities && !sbom) return { platforms, programs, reports: [], unreadable: [] };
  const subjects = new Map<Digest, string | undefined>(platforms.map(({ manifest, platform }) => [manifest, platform]));
  // Of an image for one platform, its manifest is the whole.
  subjects.set(release.digest, undefined);
  const own = await connections.repository(environment.image);
  const same = own.registry === repository.registry && own.path === repository.path;
  const places = same ? [own] : [own, repository];
  const found = await Promise.all(
    places.flatMap((place) =>
      [...subjects].map(async ([subject, platform]) => {
        const attached = await readAttached(place, subject, signal);
        return attached.map((one) => ({ ...one, platform }));
      }),
    ),
  );
  const artifacts = [...new Map(found.flat().map((artifact) => [artifact.digest, artifact])).values()];
  return {
    platforms,
    programs,
    reports: artifacts.flatMap(({ reports, platform }) => reports.map((report) => ({ report, platform }))),
    unreadable: artifacts.flatMap(({ unreadable }) => unreadable ?? []),
  };
}

interface Artifact {
  readonly digest: Digest;
  readonly reports: readonly AttachedReport["report"][];
  readonly unreadable: string | undefined;
}

async function readAttached(
  repository: OpenRepository,
  subject: Digest,
  signal: AbortSignal,
): Promise<readonly Artifact[]> {
  const referrers = await repository.registry.referrers(repository.path, subject, signal);
  // Histories and approvals are attached, too, and there are many.
  const others = referrers.filter(({ artifactType }) => artifactType !== envelopeType);
  return await Promise.all(others.map((descriptor) => readArtifact(repository, descriptor, signal)));
}

async function readArtifact(
  { registry, path }: OpenRepository,
  { digest, artifactType }: Descriptor,
  signal: AbortSignal,
): Promise<Artifact> {
  const nothing = { digest, reports: [], unreadable: undefined };
  const manifest = await registry.manifest(path, digest, signal);
  if (!manifest) return nothing;
  const value = parseJson(Buffer.from(manifest.bytes).toString("utf8"));
  const type = artifactType ?? (isObject(value) && typeof value.artifactType === "string" ? value.artifactType : "");
  if (type === envelopeType) return nothing;
  const content = readContent(manifest, `${registry.host}/${path}`);
  const layers = content.kind === "image" ? content.layers : [];
  const read = await Promise.all(
    layers.map(async (layer) => {
      if (layer.size > largest) return [];
      return readReport(Buffer.from(await registry.readBlob(path, layer.digest, signal)).toString("utf8"));
    }),
  );
  const reports = read.flat().map((report) => dated(report, value));
  const types = [type, ...layers.map(({ mediaType }) => mediaType)];
  const meant = types.find((one) => reporting.test(one));
  const unreadable =
    reports.length === 0 && meant !== undefined
      ? `${meant} that tells nothing, or in a form that is not read`
      : undefined;
  return { digest, reports, unreadable };
}

/** A report that does not say when it was made is as old as what it came in (image-spec, annotations.md). */
function dated(report: AttachedReport["report"], manifest: unknown): AttachedReport["report"] {
  if (report.kind !== "vulnerabilities" || report.at !== undefined) return report;
  const annotations = isObject(manifest) && isObject(manifest.annotations) ? manifest.annotations : {};
  const created = annotations["org.opencontainers.image.created"];
  return typeof created === "string" ? { ...report, at: created } : report;
}
