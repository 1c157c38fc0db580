import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noGates } from "../../src/environment/gates.ts";
import type { Stage } from "../../src/environment/model.ts";
import { readImageFacts } from "../../src/promotion/image-facts.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Descriptor, Registry, StoredManifest } from "../../src/registry/registry.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { environment, release, stage, workload } from "../plan/world.ts";
import { type Content, configType, content, descriptor, layerType, manifest } from "../registry/content.ts";
import { type RunningRegistry, registryKinds, startRegistry } from "../registry/registries.ts";

const path = "team/shop";

describeLab("what a registry tells of an image for several platforms", () => {
  describe.each(registryKinds)("in %s", (kind) => {
    let running: RunningRegistry;
    let registry: Registry;

    beforeAll(async () => {
      running = await startRegistry(kind);
      registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
    });

    afterAll(async () => {
      registry?.close();
      await running?.stop();
    });

    async function upload(blob: Content, mediaType: string): Promise<Descriptor> {
      const about = descriptor(blob, mediaType);
      await registry.uploadBlob(path, about, async (offset) => Readable.from([blob.bytes.subarray(offset)]));
      return about;
    }

    async function push(document: object, mediaType?: string): Promise<StoredManifest> {
      const found = manifest(document, mediaType);
      await registry.putManifest(path, found.descriptor.digest, found);
      return found;
    }

    const imageFor = async (architecture: string, user: string): Promise<StoredManifest> => {
      const config = content(JSON.stringify({ os: "linux", architecture, config: { User: user } }));
      const layers = [await upload(content(`layer of ${architecture}`), layerType)];
      return await push({ config: await upload(config, configType), layers });
    };

    /** What is attached has its subject, and the type that the tool gave it. */
    async function attach(subject: StoredManifest, text: string, type: string, annotations = {}): Promise<void> {
      const config = await upload(content("{}"), "application/vnd.oci.empty.v1+json");
      const layers = [await upload(content(text), type)];
      await push({ artifactType: type, config, layers, subject: subject.descriptor, annotations });
    }

    it("each platform's user and size, and the reports of the whole and of each", async () => {
      const [one, two] = [await imageFor("amd64", "node"), await imageFor("arm64", "")];
      const manifests = [one, two].map((image, index) => ({
        ...image.descriptor,
        platform: { os: "linux", architecture: index === 0 ? "amd64" : "arm64" },
      }));
      const index = await push({ manifests }, MediaType.ociIndex);
      const file = (name: string) => readFileSync(new URL(`fixtures/reports/${name}.json`, import.meta.url), "utf8");
      await attach(index, file("spdx"), "application/spdx+json");
      await attach(one, file("grype"), "application/json");
      const undated = JSON.stringify({ ...JSON.parse(file("trivy")), CreatedAt: undefined });
      await attach(two, undated, "application/json", { "org.opencontainers.image.created": "2026-03-07T10:00:00Z" });
      await attach(index, "<bom/>", "application/vnd.cyclonedx+xml");
      await attach(index, "a signature", "application/vnd.example.signature");
      // A history's records are attached, too, and none of them is looked into.
      await attach(index, file("spdx"), "application/vnd.dsse.envelope.v1+json");
      const image = { ...noGates.image, sbom: { required: true, forbid: [], forbidLicenses: [] } };
      const prod: Stage = stage({ app: workload({ user: "1000" }), gates: { ...noGates, image } });
      const workspace = {
        environment: environment([prod]),
        connections: { repository: async () => ({ registry, path, serveEmbedded: undefined }) },
        signal: new AbortController().signal,
      } as unknown as Workspace;
      const facts = await readImageFacts(workspace, prod, { ...release("r1"), digest: index.descriptor.digest }, prod);
      expect(facts.platforms).toEqual([
        { platform: "linux/amd64", manifest: one.descriptor.digest, user: "node", size: 14 },
        { platform: "linux/arm64", manifest: two.descriptor.digest, user: "", size: 14 },
      ]);
      expect(facts.programs).toEqual([{ name: "app", user: "1000" }]);
      const words = facts.reports.map(({ report, platform }) =>
        report.kind === "sbom" ? `${report.format} ${platform}` : `${report.tool} ${platform} ${report.at}`,
      );
      expect(words.sort()).toEqual([
        "SPDX undefined",
        "grype linux/amd64 2026-03-02T10:00:00Z",
        "trivy linux/arm64 2026-03-07T10:00:00Z",
      ]);
      expect(facts.unreadable).toEqual([
        "application/vnd.cyclonedx+xml that tells nothing, or in a form that is not read",
      ]);
    });
  });
});
