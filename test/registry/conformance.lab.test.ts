import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import type { StoredManifest } from "../../src/registry/registry.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { configType, content, descriptor, imageManifest, layerType, manifest } from "./content.ts";
import { type RawAnswer, send, targetIn, withQuery } from "./raw-http.ts";
import { type RunningRegistry, registryKinds, startRegistry } from "./registries.ts";

const absent = digestOf("nobody ever pushed this");
const octets = { "Content-Type": "application/octet-stream" };

/** OCI distribution-spec 1.1, scenario by scenario; ours and the reference implementation have to agree. */
for (const kind of registryKinds)
  describeLab(`distribution-spec 1.1 on ${kind}`, () => {
    let registry: RunningRegistry;
    beforeAll(async () => {
      registry = await startRegistry(kind);
    });
    afterAll(async () => {
      await registry.stop();
    });

    const call = (method: string, target: string, options: Parameters<typeof send>[3] = {}) =>
      send(registry.host, method, target, options);

    async function beginUpload(repository: string): Promise<string> {
      const answer = await call("POST", `/v2/${repository}/blobs/uploads/`);
      expect(answer.status).toBe(202);
      return targetIn(answer);
    }

    async function pushBlob(repository: string, bytes: Buffer | string) {
      const blob = content(bytes);
      const place = await beginUpload(repository);
      const answer = await call("PUT", withQuery(place, { digest: blob.digest }), {
        headers: octets,
        body: blob.bytes,
      });
      expect(answer.status).toBe(201);
      return blob;
    }

    function pushManifest(repository: string, reference: string, stored: StoredManifest): Promise<RawAnswer> {
      const headers = { "Content-Type": stored.descriptor.mediaType };
      return call("PUT", `/v2/${repository}/manifests/${reference}`, { headers, body: Buffer.from(stored.bytes) });
    }

    async function pushImage(repository: string, tag: string, more: object = {}) {
      const config = await pushBlob(repository, JSON.stringify({ os: "linux", architecture: "amd64", tag }));
      const layer = await pushBlob(repository, `layer of ${tag}`);
      const image = imageManifest(config, [layer], more);
      expect((await pushManifest(repository, tag, image)).status).toBe(201);
      return { config, layer, image };
    }

    function errorCode(answer: RawAnswer): string {
      const body = answer.json() as { errors: { code: string; message: string }[] };
      return body.errors[0]?.code ?? "";
    }

    it("says that it is a registry", async () => {
      expect((await call("GET", "/v2/")).status).toBe(200);
    });

    describe("pull", () => {
      it("gives a blob, its head, and 404 for one it does not have", async () => {
        const blob = await pushBlob("pull/app", randomBytes(1000));
        const target = `/v2/pull/app/blobs/${blob.digest}`;
        const got = await call("GET", target);
        expect(got.status).toBe(200);
        expect(got.body.equals(blob.bytes)).toBe(true);
        const head = await call("HEAD", target);
        expect(head.status).toBe(200);
        expect(head.headers["content-length"]).toBe("1000");
        expect(head.headers["docker-content-digest"]).toBe(blob.digest);
        expect(head.body).toHaveLength(0);
        const missing = await call("GET", `/v2/pull/app/blobs/${absent}`);
        expect(missing.status).toBe(404);
        expect(errorCode(missing)).toBe("BLOB_UNKNOWN");
        expect((await call("HEAD", `/v2/pull/app/blobs/${absent}`)).status).toBe(404);
      });

      it("gives a part of a blob", async () => {
        const blob = await pushBlob("pull/app", "0123456789");
        const part = (range: string) => call("GET", `/v2/pull/app/blobs/${blob.digest}`, { headers: { Range: range } });
        const middle = await part("bytes=2-5");
        expect(middle.status).toBe(206);
        expect(middle.body.toString()).toBe("2345");
        expect(middle.headers["content-range"]).toBe("bytes 2-5/10");
        expect((await part("bytes=7-")).body.toString()).toBe("789");
        expect((await part("bytes=-3")).body.toString()).toBe("789");
        expect((await part("bytes=4-4000")).body.toString()).toBe("456789");
        // 2.8 announces a body with its 416 that it does not send.
        if (kind === "embedded") expect((await part("bytes=10-")).status).toBe(416);
      });

      it("gives a manifest by tag and by digest, byte for byte", async () => {
        const { image } = await pushImage("pull/app", "v1");
        for (const reference of ["v1", image.descriptor.digest]) {
          const target = `/v2/pull/app/manifests/${reference}`;
          const got = await call("GET", target, { headers: { Accept: MediaType.ociManifest } });
          expect(got.status).toBe(200);
          expect(got.body.equals(Buffer.from(image.bytes))).toBe(true);
          expect(got.headers["content-type"]).toBe(MediaType.ociManifest);
          expect(got.headers["docker-content-digest"]).toBe(image.descriptor.digest);
          const head = await call("HEAD", target, { headers: { Accept: MediaType.ociManifest } });
          expect(head.status).toBe(200);
          expect(head.headers["docker-content-digest"]).toBe(image.descriptor.digest);
          expect(head.headers["content-length"]).toBe(String(image.bytes.length));
        }
      });

      it("answers 404 for a manifest it does not have", async () => {
        await pushImage("pull/app", "v1");
        for (const reference of ["no-such-tag", absent]) {
          const got = await call("GET", `/v2/pull/app/manifests/${reference}`);
          expect(got.status).toBe(404);
          expect(errorCode(got)).toBe("MANIFEST_UNKNOWN");
          expect((await call("HEAD", `/v2/pull/app/manifests/${reference}`)).status).toBe(404);
        }
        expect((await call("GET", "/v2/never/pushed/manifests/v1")).status).toBe(404);
      });
    });

    describe("push", () => {
      it("takes a blob by POST and PUT, and says where it is", async () => {
        const blob = content(randomBytes(5000));
        const place = await beginUpload("push/app");
        const put = await call("PUT", withQuery(place, { digest: blob.digest }), { headers: octets, body: blob.bytes });
        expect(put.status).toBe(201);
        expect(targetIn(put)).toBe(`/v2/push/app/blobs/${blob.digest}`);
        expect((await call("GET", targetIn(put))).body.equals(blob.bytes)).toBe(true);
      });

      it("takes a blob in one POST, or asks for an upload", async () => {
        const blob = content(randomBytes(300));
        const target = withQuery("/v2/push/app/blobs/uploads/", { digest: blob.digest });
        const answer = await call("POST", target, { headers: octets, body: blob.bytes });
        // The specification lets a registry fall back to 202.
        expect(answer.status).toBe(kind === "embedded" ? 201 : 202);
        const got = await call("GET", `/v2/push/app/blobs/${blob.digest}`);
        expect(got.status).toBe(kind === "embedded" ? 200 : 404);
      });

      it("refuses a blob that is not what its digest says, and forgets it", async () => {
        const place = await beginUpload("push/app");
        const put = await call("PUT", withQuery(place, { digest: absent }), {
          headers: octets,
          body: "something else",
        });
        expect(put.status).toBe(400);
        expect(errorCode(put)).toBe("DIGEST_INVALID");
        expect((await call("GET", `/v2/push/app/blobs/${absent}`)).status).toBe(404);
        expect((await call("GET", `/v2/push/app/blobs/${digestOf("something else")}`)).status).toBe(404);
      });

      it("refuses a digest that is none", async () => {
        const place = await beginUpload("push/app");
        const put = await call("PUT", withQuery(place, { digest: "sha256:123" }), { headers: octets, body: "x" });
        expect(put.status).toBe(400);
      });

      it("takes a blob in chunks and tells how far it is", async () => {
        const blob = content(randomBytes(3000));
        let place = await beginUpload("push/chunks");
        for (const start of [0, 1000, 2000]) {
          const body = blob.bytes.subarray(start, start + 1000);
          const headers = { ...octets, "Content-Range": `${start}-${start + 999}` };
          const answer = await call("PATCH", place, { headers, body });
          expect(answer.status).toBe(202);
          expect(answer.headers.range).toBe(`0-${start + 999}`);
          place = targetIn(answer);
          const status = await call("GET", place);
          expect(status.status).toBe(204);
          expect(status.headers.range).toBe(`0-${start + 999}`);
        }
        expect((await call("PUT", withQuery(place, { digest: blob.digest }))).status).toBe(201);
        expect((await call("GET", `/v2/push/chunks/blobs/${blob.digest}`)).body.equals(blob.bytes)).toBe(true);
      });

      it("takes the last chunk with the closing PUT", async () => {
        const blob = content(randomBytes(2000));
        const place = await beginUpload("push/chunks");
        const first = await call("PATCH", place, { headers: octets, body: blob.bytes.subarray(0, 1500) });
        const last = await call("PUT", withQuery(targetIn(first), { digest: blob.digest }), {
          headers: octets,
          body: blob.bytes.subarray(1500),
        });
        expect(last.status).toBe(201);
        expect((await call("GET", `/v2/push/chunks/blobs/${blob.digest}`)).body.equals(blob.bytes)).toBe(true);
      });

      it("refuses a chunk out of order and goes on afterwards", async () => {
        const blob = content(randomBytes(2000));
        const place = await beginUpload("push/chunks");
        const chunk = (target: string, start: number) =>
          call("PATCH", target, {
            headers: { ...octets, "Content-Range": `${start}-${start + 999}` },
            body: blob.bytes.subarray(start, start + 1000),
          });
        const early = await chunk(place, 1000);
        if (kind === "docker-registry") {
          // 2.8 does not look at the range and appends; the digest finds it out.
          expect(early.status).toBe(202);
          const closed = await call("PUT", withQuery(targetIn(early), { digest: blob.digest }));
          expect(closed.status).toBe(400);
          return;
        }
        expect(early.status).toBe(416);
        const first = await chunk(place, 0);
        expect(first.status).toBe(202);
        const again = await chunk(targetIn(first), 0);
        expect(again.status).toBe(416);
        const second = await chunk(targetIn(first), 1000);
        expect(second.status).toBe(202);
        expect((await call("PUT", withQuery(targetIn(second), { digest: blob.digest }))).status).toBe(201);
      });

      it("takes a stream without a length", async () => {
        const pieces = [randomBytes(70_000), randomBytes(1), randomBytes(30_000)];
        const blob = content(Buffer.concat(pieces));
        const streamed = await call("PATCH", await beginUpload("push/stream"), { headers: octets, body: pieces });
        expect(streamed.status).toBe(202);
        expect(streamed.headers.range).toBe("0-100000");
        expect((await call("PUT", withQuery(targetIn(streamed), { digest: blob.digest }))).status).toBe(201);
        expect((await call("GET", `/v2/push/stream/blobs/${blob.digest}`)).body.equals(blob.bytes)).toBe(true);
      });

      it("forgets an upload that is cancelled", async () => {
        const place = await beginUpload("push/app");
        expect((await call("DELETE", place)).status).toBe(204);
        expect((await call("GET", place)).status).toBe(404);
        expect((await call("PATCH", place, { headers: octets, body: "x" })).status).toBe(404);
      });

      it("mounts a blob of another repository", async () => {
        const blob = await pushBlob("push/from", randomBytes(100));
        const mount = (from: string, digest: string) =>
          call("POST", withQuery("/v2/push/to/blobs/uploads/", { mount: digest, from }));
        expect((await call("HEAD", `/v2/push/to/blobs/${blob.digest}`)).status).toBe(404);
        const done = await mount("push/from", blob.digest);
        expect(done.status).toBe(201);
        expect(targetIn(done)).toBe(`/v2/push/to/blobs/${blob.digest}`);
        expect((await call("GET", `/v2/push/to/blobs/${blob.digest}`)).body.equals(blob.bytes)).toBe(true);
        const other = await mount("push/from", absent);
        expect(other.status).toBe(202);
        expect(targetIn(other)).toContain("/v2/push/to/blobs/uploads/");
        expect((await mount("never/pushed", digestOf("x"))).status).toBe(202);
      });

      it("takes manifests by tag and by digest, and says where they are", async () => {
        const { image } = await pushImage("push/app", "v1");
        const { digest } = image.descriptor;
        for (const reference of ["v2", digest]) {
          const answer = await pushManifest("push/app", reference, image);
          expect(answer.status).toBe(201);
          expect(answer.headers["docker-content-digest"]).toBe(digest);
          expect((await call("GET", targetIn(answer), { headers: { Accept: MediaType.ociManifest } })).status).toBe(
            200,
          );
        }
      });

      it("moves a tag", async () => {
        const old = await pushImage("push/moves", "first");
        const next = await pushImage("push/moves", "second");
        await pushManifest("push/moves", "latest", old.image);
        await pushManifest("push/moves", "latest", next.image);
        const head = await call("HEAD", "/v2/push/moves/manifests/latest", {
          headers: { Accept: MediaType.ociManifest },
        });
        expect(head.headers["docker-content-digest"]).toBe(next.image.descriptor.digest);
      });

      it("refuses manifests that point at what is not there", async () => {
        const config = await pushBlob("push/app", "{}");
        const image = imageManifest(config, [content("never pushed")]);
        const answer = await pushManifest("push/app", "broken", image);
        expect([400, 404]).toContain(answer.status);
        expect(["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"]).toContain(errorCode(answer));
        expect((await call("GET", "/v2/push/app/manifests/broken")).status).toBe(404);
        const index = manifest({ manifests: [image.descriptor] }, MediaType.ociIndex);
        expect([400, 404]).toContain((await pushManifest("push/app", "broken-index", index)).status);
      });

      it("refuses a manifest under another one's digest, and what is no manifest", async () => {
        const { image } = await pushImage("push/app", "v1");
        const wrong = await pushManifest("push/app", absent, image);
        expect(wrong.status).toBe(400);
        expect(errorCode(wrong)).toBe("DIGEST_INVALID");
        const headers = { "Content-Type": MediaType.ociManifest };
        const garbage = await call("PUT", "/v2/push/app/manifests/garbage", { headers, body: "{garbage" });
        expect(garbage.status).toBe(400);
        expect(errorCode(garbage)).toBe("MANIFEST_INVALID");
      });

      it("keeps an index over several images", async () => {
        const { image } = await pushImage("push/index", "amd64");
        const children = [{ ...image.descriptor, platform: { os: "linux", architecture: "amd64" } }];
        const index = manifest({ manifests: children }, MediaType.ociIndex);
        expect((await pushManifest("push/index", "all", index)).status).toBe(201);
        const got = await call("GET", "/v2/push/index/manifests/all", { headers: { Accept: MediaType.ociIndex } });
        expect(got.headers["content-type"]).toBe(MediaType.ociIndex);
        expect(got.body.equals(Buffer.from(index.bytes))).toBe(true);
      });
    });

    describe("content discovery", () => {
      it("lists tags in pages", async () => {
        const { image } = await pushImage("tags/app", "e");
        for (const tag of ["b", "d", "a", "c"]) await pushManifest("tags/app", tag, image);
        const list = async (query: string) => {
          const answer = await call("GET", `/v2/tags/app/tags/list${query}`);
          expect(answer.status).toBe(200);
          return { answer, ...(answer.json() as { name: string; tags: string[] }) };
        };
        const all = await list("");
        expect(all.name).toBe("tags/app");
        expect([...all.tags].sort()).toEqual(["a", "b", "c", "d", "e"]);
        if (kind === "docker-registry") {
          // 2.8 knows neither order nor pages of tags and sends all of them.
          expect((await list("?n=2")).tags).toHaveLength(5);
          return;
        }
        expect(all.tags).toEqual(["a", "b", "c", "d", "e"]);
        const first = await list("?n=2");
        expect(first.tags).toEqual(["a", "b"]);
        expect(first.answer.headers.link).toBe('</v2/tags/app/tags/list?n=2&last=b>; rel="next"');
        const second = await list("?n=2&last=b");
        expect(second.tags).toEqual(["c", "d"]);
        const third = await list("?n=2&last=d");
        expect(third.tags).toEqual(["e"]);
        expect(third.answer.headers.link).toBeUndefined();
        expect((await list("?last=bb")).tags).toEqual(["c", "d", "e"]);
        expect((await list("?n=0")).tags).toEqual([]);
        expect((await call("GET", "/v2/tags/app/tags/list?n=minus")).status).toBe(400);
      });

      it("answers 404 for the tags of no repository", async () => {
        const answer = await call("GET", "/v2/never/pushed/tags/list");
        expect(answer.status).toBe(404);
        expect(errorCode(answer)).toBe("NAME_UNKNOWN");
      });

      it("lists referrers, or answers 404 where it has no such API", async () => {
        const { image } = await pushImage("referrers/app", "v1");
        const subject = image.descriptor;
        const empty = await pushBlob("referrers/app", "{}");
        const refer = (artifactType: string, note: string) =>
          manifest({
            artifactType,
            config: descriptor(empty, "application/vnd.oci.empty.v1+json"),
            layers: [descriptor(empty, layerType)],
            subject,
            annotations: { note },
          });
        const signature = refer("application/vnd.test.signature", "one");
        const record = refer("application/vnd.test.record", "two");
        for (const referrer of [signature, record]) {
          const answer = await pushManifest("referrers/app", referrer.descriptor.digest, referrer);
          expect(answer.status).toBe(201);
          expect(answer.headers["oci-subject"]).toBe(kind === "embedded" ? subject.digest : undefined);
        }
        const list = await call("GET", `/v2/referrers/app/referrers/${subject.digest}`);
        if (kind === "docker-registry") {
          expect(list.status).toBe(404);
          return;
        }
        expect(list.status).toBe(200);
        expect(list.headers["content-type"]).toBe(MediaType.ociIndex);
        const index = list.json() as { schemaVersion: number; mediaType: string; manifests: object[] };
        expect(index).toMatchObject({ schemaVersion: 2, mediaType: MediaType.ociIndex });
        expect(index.manifests).toHaveLength(2);
        expect(index.manifests).toContainEqual({
          ...signature.descriptor,
          artifactType: "application/vnd.test.signature",
          annotations: { note: "one" },
        });
        const filter = withQuery(`/v2/referrers/app/referrers/${subject.digest}`, {
          artifactType: "application/vnd.test.record",
        });
        const filtered = await call("GET", filter);
        expect(filtered.headers["oci-filters-applied"]).toBe("artifactType");
        expect((filtered.json() as { manifests: object[] }).manifests).toMatchObject([
          { digest: record.descriptor.digest },
        ]);
        const none = await call("GET", `/v2/referrers/app/referrers/${absent}`);
        expect(none.status).toBe(200);
        expect(none.json()).toMatchObject({ manifests: [] });
        expect((await call("GET", "/v2/referrers/app/referrers/sha256:short")).status).toBe(400);
      });

      it("takes a referrer before its subject, and names the configuration's type where there is no artifactType", async () => {
        const config = await pushBlob("referrers/early", "{}");
        const later = imageManifest(await pushBlob("referrers/early", "later"), []);
        const early = imageManifest(config, [], { subject: later.descriptor });
        expect((await pushManifest("referrers/early", "early", early)).status).toBe(201);
        if (kind === "docker-registry") return;
        const list = await call("GET", `/v2/referrers/early/referrers/${later.descriptor.digest}`);
        expect(list.json()).toMatchObject({ manifests: [{ ...early.descriptor, artifactType: configType }] });
        await call("DELETE", `/v2/referrers/early/manifests/${early.descriptor.digest}`);
        const after = await call("GET", `/v2/referrers/early/referrers/${later.descriptor.digest}`);
        expect(after.json()).toMatchObject({ manifests: [] });
      });
    });

    describe("content management", () => {
      it("deletes a tag and keeps the manifest", async () => {
        const { image } = await pushImage("delete/app", "old");
        await pushManifest("delete/app", "new", image);
        const answer = await call("DELETE", "/v2/delete/app/manifests/old");
        if (kind === "docker-registry") {
          // 2.8 deletes by digest alone.
          expect([400, 405]).toContain(answer.status);
          return;
        }
        expect(answer.status).toBe(202);
        expect((await call("GET", "/v2/delete/app/manifests/old")).status).toBe(404);
        expect((await call("GET", "/v2/delete/app/manifests/new")).status).toBe(200);
        expect((await call("DELETE", "/v2/delete/app/manifests/old")).status).toBe(404);
      });

      it("deletes a manifest with the tags that point at it", async () => {
        const { image } = await pushImage("delete/manifest", "v1");
        const other = await pushImage("delete/manifest", "v2");
        const target = `/v2/delete/manifest/manifests/${image.descriptor.digest}`;
        expect((await call("DELETE", target)).status).toBe(202);
        expect((await call("GET", target)).status).toBe(404);
        expect((await call("GET", "/v2/delete/manifest/manifests/v1")).status).toBe(404);
        const list = (await call("GET", "/v2/delete/manifest/tags/list")).json() as { tags: string[] };
        expect(list.tags).toEqual(["v2"]);
        expect((await call("DELETE", target)).status).toBe(404);
        const rest = await call("GET", `/v2/delete/manifest/manifests/${other.image.descriptor.digest}`, {
          headers: { Accept: MediaType.ociManifest },
        });
        expect(rest.status).toBe(200);
      });

      it("deletes a blob from one repository alone", async () => {
        const blob = await pushBlob("delete/blob", randomBytes(64));
        await pushBlob("delete/other", blob.bytes);
        const target = `/v2/delete/blob/blobs/${blob.digest}`;
        expect((await call("DELETE", target)).status).toBe(202);
        expect((await call("GET", target)).status).toBe(404);
        expect((await call("DELETE", target)).status).toBe(404);
        expect((await call("GET", `/v2/delete/other/blobs/${blob.digest}`)).status).toBe(200);
      });
    });

    it("keeps repositories apart", async () => {
      const blob = await pushBlob("apart/mine", randomBytes(64));
      const { image } = await pushImage("apart/mine", "v1");
      expect((await call("GET", `/v2/apart/yours/blobs/${blob.digest}`)).status).toBe(404);
      expect((await call("GET", `/v2/apart/yours/manifests/${image.descriptor.digest}`)).status).toBe(404);
    });

    it("refuses methods that do not belong to a place", async () => {
      expect((await call("POST", "/v2/push/app/manifests/v1")).status).toBe(405);
      expect((await call("PUT", "/v2/push/app/tags/list")).status).toBe(405);
    });
  });
