import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { isTag } from "../../src/base/reference.ts";
import { releaseFromLabels } from "../../src/release/identify.ts";
import { imageLabels } from "../../src/release/labels.ts";
import { releaseName } from "../../src/release/name.ts";
import { ImageLabel } from "../../src/release/release.ts";
import { fingerprintTag, releaseTags } from "../../src/release/tags.ts";

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const fingerprint = `9d0e44aa${"0".repeat(56)}`;

describe("a release's name", () => {
  it("is the commit's, says when the tree was dirty, and is the fingerprint's without a commit", () => {
    expect(releaseName({ commit: "3f2c1ab9".padEnd(40, "0"), dirty: false, fingerprint })).toBe("3f2c1ab");
    expect(releaseName({ commit: "3f2c1ab9".padEnd(40, "0"), dirty: true, fingerprint })).toBe("3f2c1ab-dirty-9d0e");
    expect(releaseName({ commit: undefined, dirty: true, fingerprint })).toBe("9d0e44aa");
  });

  it("is always a valid tag", () => {
    fc.assert(
      fc.property(fc.option(hex(40), { nil: undefined }), fc.boolean(), hex(64), (commit, dirty, hash) => {
        const name = releaseName({ commit, dirty, fingerprint: hash });
        expect(isTag(name)).toBe(true);
        for (const tag of releaseTags({ name, fingerprint: hash })) expect(isTag(tag)).toBe(true);
      }),
    );
  });
});

describe("an image's labels", () => {
  const image = {
    digest: digestOf("manifest"),
    configs: { "linux/amd64": digestOf("config") },
    manifests: { "linux/amd64": digestOf("manifest") },
    createdAt: "2026-01-02T03:04:05Z",
    size: 7,
  };

  it("lead back to the same release", () => {
    const commit = "a".repeat(40);
    const labels = imageLabels({
      environment: "shop",
      release: "aaaaaaa-dirty-9d0e",
      fingerprint,
      commit,
      dirty: true,
      commitTime: new Date("2026-01-01T00:00:00Z"),
      source: "https://example.com/shop.git",
    });
    expect(labels[ImageLabel.created]).toBe("2026-01-01T00:00:00.000Z");
    expect(labels[ImageLabel.revision]).toBe(commit);
    expect(releaseFromLabels({ ...image, labels })).toEqual({
      name: "aaaaaaa-dirty-9d0e",
      fingerprint,
      commit,
      dirty: true,
      builtAt: image.createdAt,
      digest: image.digest,
      configs: image.configs,
      manifests: image.manifests,
      size: 7,
    });
  });

  it("leave out what is unknown", () => {
    const labels = imageLabels({
      environment: "shop",
      release: "9d0e44aa",
      fingerprint,
      commit: undefined,
      dirty: false,
      commitTime: undefined,
      source: undefined,
    });
    expect(Object.keys(labels).sort()).toEqual(
      [ImageLabel.dirty, ImageLabel.environment, ImageLabel.fingerprint, ImageLabel.release].sort(),
    );
    expect(releaseFromLabels({ ...image, labels })?.commit).toBeUndefined();
  });

  it("are not believed blindly: an image of others, or labels nobody of us wrote, give no release", () => {
    expect(releaseFromLabels({ ...image, labels: {} })).toBeUndefined();
    const good = { [ImageLabel.release]: "x", [ImageLabel.fingerprint]: fingerprint };
    expect(releaseFromLabels({ ...image, labels: good })).toBeDefined();
    expect(releaseFromLabels({ ...image, labels: { ...good, [ImageLabel.release]: "a\u001b[31mb" } })).toBeUndefined();
    expect(releaseFromLabels({ ...image, labels: { ...good, [ImageLabel.fingerprint]: "../x" } })).toBeUndefined();
    expect(releaseFromLabels({ ...image, labels: { ...good, [ImageLabel.revision]: "$(x)" } })?.commit).toBeUndefined();
  });
});

it("finds a build again by a tag of its fingerprint", () => {
  expect(fingerprintTag(fingerprint)).toBe(`fp-9d0e44aa${"0".repeat(24)}`);
});
