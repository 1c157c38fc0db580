import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../src/base/digest.ts";
import { copyImage } from "../../src/registry/copy.ts";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Lab } from "../lab/lab.ts";
import { heading, report, run, time, timeTogether } from "./measure.ts";

const agent = new Agent({ keepAlive: true });
const types = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/** A request with nothing around it. */
function bare(
  host: string,
  method: string,
  path: string,
  body?: Buffer,
  type?: string,
): Promise<{ body: Buffer; type: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Accept: types, ...(type === undefined ? {} : { "Content-Type": type }) };
    const sent = request(`http://${host}${path}`, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ body: Buffer.concat(chunks), type: response.headers["content-type"] ?? "" }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** What a promotion costs in the registry alone, for an image of a real size, in a registry of the field's own. */
export async function benchPromotion(lab: Lab): Promise<void> {
  const { host } = lab.registries.open;
  const variables = { ...process.env, ENVCTL_INSECURE_REGISTRIES: host };
  const registry = openRegistry(host, { credentials: async () => undefined, variables });
  const path = "library/node";
  const found = await registry.head(path, "20-slim");
  if (!found) throw new Error("the lab's registry has no node:20-slim");
  const { digest } = found;

  heading("Promotion inside one repository (50 runs each, taking turns)");
  const source = { registry, path };
  const [floor = 0, ours = 0] = await timeTogether(50, [
    async () => {
      const manifest = await bare(host, "GET", `/v2/${path}/manifests/${digest}`);
      await bare(host, "PUT", `/v2/${path}/manifests/bench-floor`, manifest.body, manifest.type);
    },
    () => copyImage({ source, target: source, digest, tags: ["bench"] }),
  ]);
  report("copy of the manifest to another tag", ours, { name: "GET + PUT", value: floor }, 3);

  heading("Promotion to another repository of the registry (5 new repositories each)");
  let count = 0;
  const fresh = (name: string) => `bench-${process.pid}/${name}-${count++}`;
  const [skopeo = 0, own = 0] = await timeTogether(5, [
    () =>
      run("skopeo", [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        `docker://${host}/${path}:20-slim`,
        `docker://${host}/${fresh("skopeo")}:x`,
      ]),
    () => copyImage({ source, target: { registry, path: fresh("envctl") }, digest, tags: ["x"] }),
  ]);
  report("copy with mounted blobs", own, { name: "skopeo copy", value: skopeo }, 1);

  await benchFirstCopy({ registry, path }, digest, host);
  for (const tag of ["bench", "bench-floor"]) await registry.deleteManifest(path, tag).catch(() => {});
  registry.close();
  agent.destroy();
}

/** All blobs, to a registry that has none of them: the embedded one. */
async function benchFirstCopy(
  source: { registry: ReturnType<typeof openRegistry>; path: string },
  digest: Digest,
  host: string,
): Promise<void> {
  heading("First copy to another registry, all blobs (3 runs each)");
  const measure = async (copy: (target: string) => Promise<unknown>) =>
    await time(3, async () => {
      const directory = mkdtempSync(join(tmpdir(), "envctl-bench-"));
      const embedded = await startEmbeddedRegistry({ directory, port: 0 });
      await copy(embedded.host);
      await embedded.close();
      rmSync(directory, { recursive: true });
    });
  const peer = await measure((target) =>
    run("skopeo", [
      "copy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${host}/${source.path}:20-slim`,
      `docker://${target}/x:x`,
    ]),
  );
  const own = await measure(async (target) => {
    const registry = openRegistry(target, { credentials: async () => undefined, variables: process.env });
    await copyImage({ source, target: { registry, path: "x" }, digest });
    registry.close();
  });
  report("node:20-slim, streamed", own, { name: "skopeo copy", value: peer });
}
