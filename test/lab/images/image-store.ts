import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Digest, digestOf } from "../../../src/base/digest.ts";
import { attempt, run } from "../command.ts";

export interface Layer {
  /** Of the compressed layer. */
  readonly digest: Digest;
  /** Of the tar archive inside (image-spec, config.md §Layer DiffID). */
  readonly diffId: Digest;
  readonly size: number;
}

/** What an image does when it runs (image-spec, config.md). */
export interface Behaviour {
  readonly Env?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/**
 * Writes images into the folder in which a CNCF distribution registry keeps them: no registry has to run for it, and
 * a lab's registry finds them there as if they had been pushed.
 */
export class ImageStore {
  readonly #root: string;

  constructor(storage: string) {
    this.#root = `${storage}/docker/registry/v2`;
  }

  /** Packs a folder's content. Sockets and the white-outs of an overlay (character devices 0/0) are left out. */
  async addLayer(folder: string, exclude: readonly string[] = []): Promise<Layer> {
    const partial = `${this.#root}/partial-${randomUUID()}`;
    await mkdir(this.#root, { recursive: true });
    const args = ["--numeric-owner", "--sort=name", "--exclude-from=-", "-C", folder, "-cf", "-", "."];
    const tar = spawn("tar", args, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve, reject) => {
      tar.on("close", resolve);
      tar.on("error", reject);
    });
    tar.stdin.end(exclude.map((path) => `./${path}\n`).join(""));
    const inner = new Measure();
    const outer = new Measure();
    await pipeline(tar.stdout, inner, createGzip({ level: 1 }), outer, createWriteStream(partial));
    if ((await ended) !== 0) throw new Error(`tar could not pack ${folder}`);
    await rename(partial, await this.#place(outer.digest));
    return { digest: outer.digest, diffId: inner.digest, size: outer.size };
  }

  /** Writes configuration and manifest, and points the tags at it. Resolves to the manifest's digest. */
  async addImage(
    repository: string,
    tags: readonly string[],
    layers: readonly Layer[],
    behaviour: Behaviour,
  ): Promise<Digest> {
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    const configuration = JSON.stringify({
      architecture,
      os: "linux",
      created: new Date().toISOString(),
      config: behaviour,
      rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
      history: layers.map(() => ({ created_by: "envctl lab" })),
    });
    const configurationDigest = await this.#addBlob(configuration);
    const kind = "application/vnd.docker";
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: `${kind}.distribution.manifest.v2+json`,
      config: {
        mediaType: `${kind}.container.image.v1+json`,
        size: Buffer.byteLength(configuration),
        digest: configurationDigest,
      },
      layers: layers.map(({ digest, size }) => ({ mediaType: `${kind}.image.rootfs.diff.tar.gzip`, size, digest })),
    });
    const digest = await this.#addBlob(manifest);
    const links = [configurationDigest, ...layers.map((layer) => layer.digest)];
    for (const blob of links) await this.#link(repository, `_layers/${folderOf(blob)}`, blob);
    await this.#link(repository, `_manifests/revisions/${folderOf(digest)}`, digest);
    for (const tag of tags) {
      await this.#link(repository, `_manifests/tags/${tag}/index/${folderOf(digest)}`, digest);
      await this.#link(repository, `_manifests/tags/${tag}/current`, digest);
    }
    return digest;
  }

  /** Gives another store all that this one has. Blobs never change and are shared where the disk allows it. */
  async copyTo(storage: string): Promise<void> {
    const target = `${storage}/docker/registry/v2`;
    await mkdir(`${target}/blobs`, { recursive: true });
    await run("cp", ["-a", `${this.#root}/repositories`, target]);
    const linked = await attempt("cp", ["-a", "--link", "--no-clobber", `${this.#root}/blobs`, target]);
    if (linked === undefined) await run("cp", ["-a", "--no-clobber", `${this.#root}/blobs`, target]);
  }

  async #addBlob(content: string): Promise<Digest> {
    const digest = digestOf(content);
    const partial = `${this.#root}/partial-${randomUUID()}`;
    await mkdir(this.#root, { recursive: true });
    await writeFile(partial, content);
    await rename(partial, await this.#place(digest));
    return digest;
  }

  async #place(digest: Digest): Promise<string> {
    const [kind = "", hex = ""] = digest.split(":");
    const path = `${this.#root}/blobs/${kind}/${hex.slice(0, 2)}/${hex}/data`;
    await mkdir(dirname(path), { recursive: true });
    return path;
  }

  async #link(repository: string, folder: string, digest: Digest): Promise<void> {
    const path = `${this.#root}/repositories/${repository}/${folder}`;
    await mkdir(path, { recursive: true });
    await writeFile(`${path}/link`, digest);
  }
}

function folderOf(digest: Digest): string {
  return digest.replace(":", "/");
}

/** Passes bytes on and knows afterwards what they were. */
class Measure extends Transform {
  readonly #hash = createHash("sha256");
  #digest: Digest | undefined;
  size = 0;

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
    this.push(chunk);
    done();
  }

  get digest(): Digest {
    this.#digest ??= `sha256:${this.#hash.digest("hex")}`;
    return this.#digest;
  }
}
