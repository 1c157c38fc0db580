import { ContainerTree } from "../../src/dev/container-tree.ts";
import { DesiredView } from "../../src/dev/desired-tree.ts";
import { LocalTree } from "../../src/dev/local-tree.ts";
import { watchTree } from "../../src/dev/watch-tree.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { syncAllTo } from "../dev/copied-rules.ts";

/** What lies between a save and a container, as the dev loop puts it together. */
export class SyncLine implements AsyncDisposable {
  /** While set, changes are left to somebody else. */
  pause = false;
  /** Called when a sync is done. */
  onSynced: () => void = () => {};
  readonly #local: LocalTree;
  readonly #engine: Engine;
  readonly #tree: ContainerTree;
  readonly #view = new DesiredView(syncAllTo("/app"));
  readonly #stop = new AbortController();

  private constructor(local: LocalTree, engine: Engine, tree: ContainerTree) {
    this.#local = local;
    this.#engine = engine;
    this.#tree = tree;
  }

  static async start(socket: string, container: string, folder: string): Promise<SyncLine> {
    const engine = await openEngine({ kind: "unix", name: "lab", path: socket });
    const local = await LocalTree.open({ context: folder, dockerfile: `${folder}/Dockerfile` });
    const { id } = (await engine.container(container)) ?? { id: container };
    const tree = await ContainerTree.open(engine, id, {
      ...{ root: local.root, image: new Map(), holds: "unknown", compress: false },
      busybox: async () => "busybox:latest",
      signal: new AbortController().signal,
    });
    const line = new SyncLine(local, engine, tree);
    await line.catchUp();
    await watchTree({
      root: local.root,
      ignore: () => local.ignore,
      files: [],
      signal: line.#stop.signal,
      onDirty: async ({ dirty }) => {
        const { changed } = await local.refresh(dirty);
        if (changed.length === 0 || line.pause) return;
        await line.#sync();
        line.onSynced();
      },
      onNote: (text) => process.stderr.write(`${text}\n`),
    });
    return line;
  }

  /** Makes the container hold what is on disk now. */
  async catchUp(): Promise<void> {
    await this.#local.refresh("everything");
    await this.#sync();
  }

  async #sync(): Promise<void> {
    await this.#tree.reconcile(this.#view.of(this.#local.tree));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#tree.close();
    await this.#engine.close();
  }
}
