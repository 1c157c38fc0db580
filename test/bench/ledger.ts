import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Digest, digestOf } from "../../src/base/digest.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import type { StageRecord } from "../../src/promotion/record.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { type Signer, sealStatement } from "../../src/signing/envelope.ts";
import { formatPublicKey, keyIdOf } from "../../src/signing/public-key.ts";
import type { Lab } from "../lab/lab.ts";
import { configType, content, descriptor, imageManifest, layerType } from "../registry/content.ts";
import { registryKinds, startRegistry } from "../registry/registries.ts";
import { heading, reportWithin, run, timeTogether } from "./measure.ts";

const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));
const records = 1000;
const stages = ["dev", "test", "prod"];

/** What it costs to look at much, and to write down one thing. */
export async function benchLedger(lab: Lab): Promise<void> {
  await benchStatus(lab);
  for (const kind of registryKinds) await benchHistory(kind);
}

/** Each engine under several addresses: eight hosts as far as envctl can tell, most of them behind SSH. */
async function benchStatus(lab: Lab): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  const env = { ...process.env, ...lab.env, ENVCTL_REGISTRY_DIR: join(folder, "registry") };
  const names = ["test1", "prod1", "prod2"];
  const engines = ["local", ...names.map((name) => `ssh://${name}`)];
  const others = [...names.map((name) => `ssh://root@${name}`), `unix://${lab.host("test1").socket}`];
  const file = (hosts: readonly string[]) =>
    writeFileSync(
      join(folder, "envctl.yaml"),
      `name: bench\nimage: { repository: bench }\napp: { stop: { grace: 1s }, health: { path: /index.html, port: 8080 } }\nstages:\n${stages
        .map(
          (stage) => `  ${stage}: { hosts: [${hosts.map((host) => `"${host}"`).join(", ")}], rollout: { batch: 8 } }`,
        )
        .join("\n")}\n`,
    );
  writeFileSync(
    join(folder, "Dockerfile"),
    'FROM busybox\nRUN echo hello > /index.html\nSTOPSIGNAL SIGKILL\nCMD ["httpd", "-f", "-p", "8080", "-h", "/"]\n',
  );
  writeFileSync(join(folder, ".dockerignore"), "registry\nenvctl.yaml\n");
  const envctl = (...args: string[]) => run(process.execPath, [cli, ...args], { cwd: folder, env });
  try {
    file(engines);
    await envctl("up", "dev");
    for (const stage of stages.slice(1)) await envctl("promote", stage);
    file([...engines, ...others]);
    const logins = [...names, ...names.map((name) => `root@${name}`)];
    heading("Status of 3 stages × 8 hosts, six of them behind SSH (10 runs each, taking turns)");
    const [floor = 0, ours = 0] = await timeTogether(10, [
      () => Promise.all(logins.map((login) => run("ssh", ["-F", lab.sshConfig, login, "true"]))),
      () => envctl("status"),
    ]);
    reportWithin("envctl status", ours, { name: "six bare SSH logins", value: floor }, { of: ours, limit: 1000 });
  } finally {
    file(engines);
    for (const stage of stages) await envctl("down", stage, "--volumes", "--yes");
    await envctl("prune", "--yes");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A history of a thousand records, of fifty releases; and one more record. */
async function benchHistory(kind: (typeof registryKinds)[number]): Promise<void> {
  const running = await startRegistry(kind);
  const registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
  const folder = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  // As every command has it: who wrote a hundred records has them at hand for their page.
  const cache = new ManifestCache(join(folder, "writer"));
  const ledger = new Ledger({ registry, path: "bench", serveEmbedded: undefined, cache }, "bench", "prod");
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const signer: Signer = { keyId: keyIdOf(publicKey), sign: async (data) => sign(null, data, privateKey) };
  const bare = new Bare(running.host);
  try {
    mkdirSync(join(folder, ".envctl/keys"), { recursive: true });
    writeFileSync(join(folder, ".envctl/keys/bench.pub"), formatPublicKey(publicKey, "bench"));
    writeFileSync(
      join(folder, "envctl.yaml"),
      `name: bench\nimage: { repository: "${running.host}/bench" }\nstages: { dev: {}, prod: {} }\n`,
    );
    const images: Digest[] = [];
    for (let count = 0; count < 50; count += 1) images.push(await pushImage(registry, `image ${count}`));
    for (let count = 0; count < records; count += 1) {
      await ledger.append(recordOf(count, images[Math.floor(count / 20)] ?? digestOf("")), signer);
    }
    heading(`A history of ${records} signed records in ${kind} (5 runs each, taking turns)`);
    const script = bareHistory(running.host);
    const envctl = (cache: string, ...args: string[]) =>
      run(process.execPath, [cli, "history", "prod", ...args], {
        cwd: folder,
        env: { ...process.env, XDG_CACHE_HOME: join(folder, cache) },
      });
    const all = ["--limit", String(records)];
    const [floor = 0, first = 0, later = 0, proven = 0] = await timeTogether(5, [
      () => run(process.execPath, ["-e", script]),
      () => envctl(randomUUID(), ...all),
      () => envctl("cache", ...all),
      () => envctl("cache", "--verify"),
    ]);
    const bareRequests = { name: "a program of bare requests", value: floor };
    reportWithin("envctl history prod --limit 1000, the first time", first, bareRequests, { of: first, limit: 1000 });
    reportWithin("envctl history prod --limit 1000, later", later, bareRequests, { of: later, limit: 1000 });
    reportWithin("envctl history prod --verify", proven, bareRequests, { of: proven, limit: 2000 });

    heading(`One more record in ${kind} (50 runs each, taking turns)`);
    const image = await pushImage(registry, "the next image");
    let count = records;
    const [requests = 0, append = 0] = await timeTogether(50, [
      () => bare.append(recordOf(count, image), image, signer, kind === "docker-registry"),
      () => ledger.append(recordOf(count++, image), signer),
    ]);
    const goal = { of: append - requests, limit: 50 };
    reportWithin("append, signed", append, { name: "the same requests alone", value: requests }, goal);
  } finally {
    bare.close();
    registry.close();
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function recordOf(count: number, digest: Digest): StageRecord {
  return {
    ...{ version: 1, kind: "promote", outcome: "succeeded", environment: "bench", stage: "prod", from: "test" },
    release: { name: `r${count}`, digest, commit: "0a1b2c3", dirty: false, fingerprint: "f00d" },
    ...{ hosts: ["ssh://a", "ssh://b"], services: {}, by: "bench@bench", reason: undefined },
    at: new Date(Date.UTC(2026, 0, 1) + count * 1000).toISOString(),
  };
}

async function pushImage(registry: Registry, text: string): Promise<Digest> {
  const [config, layer] = [content(JSON.stringify({ text })), content(text)];
  for (const [blob, type] of [
    [config, configType],
    [layer, layerType],
  ] as const) {
    await registry.uploadBlob("bench", descriptor(blob, type), async () => Readable.from([blob.bytes]));
  }
  const image = imageManifest(config, [layer]);
  await registry.putManifest("bench", image.descriptor.digest, image);
  return image.descriptor.digest;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** Reads the same records and does nothing else: sixteen at a time, by their tags. */
function bareHistory(host: string): string {
  return `
const { request, Agent } = require("node:http");
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const read = (tag) => new Promise((resolve, reject) => {
  request("http://${host}/v2/bench/manifests/" + tag, { agent, headers: { Accept: "${manifestType}" } }, (response) => {
    let body = "";
    response.on("data", (chunk) => { body += chunk; });
    response.on("end", () => resolve(body));
  }).on("error", reject).end();
});
const tags = Array.from({ length: ${records} }, (_, index) => "envctl-history.bench.prod." + (index + 1));
Promise.all(tags.map(read)).then(() => agent.destroy());
`;
}

/** What a record needs of a registry, sent with nothing around it. */
class Bare {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #host: string;
  #index: object[] = [];

  constructor(host: string) {
    this.#host = host;
  }

  async append(record: StageRecord, image: Digest, signer: Signer, keepsIndex: boolean): Promise<void> {
    const bytes = await sealStatement({ predicate: record, at: performance.now() }, signer);
    const blob = { mediaType: "application/vnd.dsse.envelope.v1+json", digest: digestOf(bytes), size: bytes.length };
    const send = async () => {
      const { location } = await this.#send("POST", "/v2/bench/blobs/uploads/");
      const place = new URL(location, `http://${this.#host}`);
      place.searchParams.set("digest", blob.digest);
      await this.#send("PUT", place.pathname + place.search, bytes, "application/octet-stream");
    };
    await this.#send("GET", "/v2/bench/manifests/envctl-history.bench.prod");
    await Promise.all([this.#send("HEAD", `/v2/bench/manifests/${image}`), send()]);
    const subject = { mediaType: manifestType, digest: image, size: 1 };
    const config = { ...blob, data: bytes.toString("base64") };
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [blob], subject }),
    );
    await this.#send("PUT", "/v2/bench/manifests/bare.1", manifest, manifestType);
    if (keepsIndex) {
      await this.#send("GET", "/v2/bench/manifests/bare-referrers");
      this.#index.push({ mediaType: manifestType, digest: digestOf(manifest), size: manifest.length });
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: this.#index }));
      await this.#send("PUT", "/v2/bench/manifests/bare-referrers", index, indexType);
    }
    await this.#send("PUT", "/v2/bench/manifests/bare", manifest, manifestType);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body?: Buffer, type?: string): Promise<{ readonly location: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        Accept: `${manifestType}, ${indexType}`,
        ...(type === undefined ? {} : { "Content-Type": type }),
        ...(body ? { "Content-Length": body.length } : {}),
      };
      const sent = request(`http://${this.#host}${path}`, { method, agent: this.#agent, headers }, (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        if (status >= 400 && status !== 404) reject(new Error(`${method} ${path}: ${status}`));
        response.on("end", () => resolve({ location: response.headers.location ?? "" }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
