import { createHash } from "node:crypto";
import { execa } from "execa";
import { unpackTar } from "modern-tar";
import { ContainerTree, type ContainerTreeOptions } from "../../src/dev/container-tree.ts";
import { type Desired, DesiredView } from "../../src/dev/desired-tree.ts";
import { LocalTree } from "../../src/dev/local-tree.ts";
import type { SyncRules } from "../../src/dev/sync-rules.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { Folder } from "../build/folder.ts";
import type { Lab } from "../lab/lab.ts";
import { syncAllTo } from "./copied-rules.ts";

/** A line for each path: kind, owner, permissions, and content or target. */
export type Listing = Readonly<Record<string, string>>;

/** Containers and an engine for one test file. */
export class Sandbox {
  readonly engine: Engine;
  readonly socket: string;
  readonly #started: string[] = [];
  readonly #volumes: string[] = [];

  private constructor(engine: Engine, socket: string) {
    this.engine = engine;
    this.socket = socket;
  }

  static async open(lab: Lab, socket = lab.localSocket): Promise<Sandbox> {
    return new Sandbox(await openEngine({ kind: "unix", name: "lab", path: socket }), socket);
  }

  async docker(...args: string[]): Promise<string> {
    return (await execa("docker", ["-H", `unix://${this.socket}`, ...args])).stdout;
  }

  /** Starts a container; `args` are those of `docker run` from the options on. */
  async run(...args: string[]): Promise<string> {
    const id = await this.docker("run", "-d", "--label", "envctl.test=sync", ...args);
    this.#started.push(id);
    return id;
  }

  async volume(): Promise<string> {
    const name = await this.docker("volume", "create");
    this.#volumes.push(name);
    return name;
  }

  /** An image of nothing but busybox' web server. */
  async scratchImage(): Promise<string> {
    const tag = "sync-test-scratch:latest";
    await using folder = await Folder.of({
      Dockerfile:
        'FROM busybox:latest AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /httpd\nCOPY site /site\nCMD ["/httpd", "-f", "-p", "8080", "-h", "/site"]\n',
      "site/index.html": "built\n",
    });
    await execa("/usr/bin/docker", ["-H", `unix://${this.socket}`, "build", "-q", "-t", tag, folder.path], {
      env: { DOCKER_BUILDKIT: "0" },
    });
    return tag;
  }

  readonly busybox = async (): Promise<string> => "busybox:latest";

  async tree(
    container: string,
    options: Partial<ContainerTreeOptions> & Pick<ContainerTreeOptions, "root">,
    engine = this.engine,
  ) {
    return await ContainerTree.open(engine, container, {
      image: new Map(),
      holds: "image",
      compress: false,
      busybox: this.busybox,
      signal: new AbortController().signal,
      ...options,
    });
  }

  /** What the container really holds below a folder, by the engine's own word. */
  async list(container: string, folder: string): Promise<Listing> {
    const { stdout } = await execa("docker", ["-H", `unix://${this.socket}`, "cp", `${container}:${folder}`, "-"], {
      encoding: "buffer",
      maxBuffer: 1 << 30,
    });
    const entries = await unpackTar(stdout);
    const base = folder.slice(folder.lastIndexOf("/") + 1);
    return Object.fromEntries(
      entries.flatMap(({ header, data }) => {
        const path = header.name.replace(/\/$/, "").slice(base.length);
        if (path === "") return [];
        return [[`${folder}${path}`, line({ ...header, type: header.type ?? "file" }, data)]];
      }),
    );
  }

  async cleanUp(): Promise<void> {
    if (this.#started.length > 0) await this.docker("rm", "-f", "-v", ...this.#started);
    for (const name of this.#volumes) await this.docker("volume", "rm", name);
    await this.engine.close();
  }
}

function line(
  header: {
    readonly type: string;
    readonly uid?: number;
    readonly gid?: number;
    readonly mode?: number;
    readonly linkname?: string;
  },
  data: Uint8Array | undefined,
): string {
  if (header.type === "symlink") return `symlink ${header.uid}:${header.gid} -> ${header.linkname}`;
  const mode = ((header.mode ?? 0) & 0o7777).toString(8);
  const content = header.type === "file" ? ` ${sha256(data ?? new Uint8Array())}` : "";
  return `${header.type} ${header.uid}:${header.gid} ${mode}${content}`;
}

/** What `list` should say, of all that is to be below the folder. */
export function expectedListing(desired: Desired, folder: string): Listing {
  return Object.fromEntries(
    [...desired].flatMap(([path, entry]) => {
      if (!path.startsWith(`${folder}/`)) return [];
      const owner = `${entry.owner?.user ?? 0}:${entry.owner?.group ?? 0}`;
      if (entry.kind === "symlink") return [[path, `symlink ${owner} -> ${entry.target}`]];
      const content = entry.kind === "file" ? ` ${entry.hash}` : "";
      return [[path, `${entry.kind} ${owner} ${entry.mode.toString(8)}${content}`]];
    }),
  );
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A folder on disk, and the container that is to hold it. */
export class Pair {
  readonly folder: Folder;
  readonly local: LocalTree;
  readonly view: DesiredView;

  private constructor(folder: Folder, local: LocalTree, rules: SyncRules) {
    this.folder = folder;
    this.local = local;
    this.view = new DesiredView(rules);
  }

  static async of(folder: Folder, rules: SyncRules = syncAllTo("/app")): Promise<Pair> {
    const source = { context: folder.path, dockerfile: folder.join("Dockerfile") };
    return new Pair(folder, await LocalTree.open(source), rules);
  }

  async desired(): Promise<Desired> {
    return this.view.of((await this.local.refresh("everything")).tree);
  }
}
