import type { Tree } from "../build/tree.ts";
import { devStage } from "../environment/dev-stage.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { WantedFiles } from "./app-container.ts";
import type { ReadTriggers } from "./base-images.ts";
import { BuildKeys } from "./build-key.ts";
import { type Desired, DesiredView } from "./desired-tree.ts";
import { readSyncRules } from "./read-sync-rules.ts";
import { differencesOf, inputsOf, type RunningImage } from "./running-image.ts";
import type { Sources } from "./sources.ts";
import type { SyncRules } from "./sync-rules.ts";

/** What the sources and the settings want of the containers, by the rules of the image that runs. */
export class WantedState {
  readonly #rules: SyncRules;
  /** By the workers' names: each has a program of its own, and may have to start anew where the app has not. */
  readonly #workerRules: ReadonlyMap<string, SyncRules>;
  readonly #view: DesiredView;
  /** One view for both would forget, with each call for the one, what it knows of the other. */
  readonly #imageView: DesiredView;
  readonly #shape: Shape;
  /** Each side remembers its own tree. */
  readonly #buildKeys = new Map<string, BuildKeys>();
  #imageFiles: { readonly tree: Tree; readonly desired: Desired } | undefined;
  #files: { readonly tree: Tree; readonly wanted: WantedFiles } | undefined;
  #keys: { readonly of: readonly unknown[]; readonly wanted: string; readonly runs: string | undefined } | undefined;

  private constructor(rules: SyncRules, workerRules: ReadonlyMap<string, SyncRules>, shape: Shape) {
    this.#rules = rules;
    this.#workerRules = workerRules;
    this.#view = new DesiredView(rules);
    this.#imageView = new DesiredView(rules);
    this.#shape = shape;
  }

  static async read(
    environment: Environment,
    stage: Stage,
    sources: Sources,
    image: RunningImage | undefined,
    readTriggers: ReadTriggers,
  ): Promise<WantedState> {
    const links = new Map<string, string>();
    for (const [path, entry] of sources.tree) if (entry.kind === "symlink") links.set(path, entry.target);
    const options = { built: image?.observed, links, readTriggers };
    const rules = await readSyncRules(environment, stage, options);
    const workerRules = new Map<string, SyncRules>();
    for (const worker of stage.workers) {
      workerRules.set(worker.name, await readSyncRules(environment, stage, { ...options, worker }));
    }
    return new WantedState(rules, workerRules, shapeOf(sources.tree));
  }

  get rules(): SyncRules {
    return this.#rules;
  }

  /** What the rules depend on that is other than it was is false: then they may be, too. */
  holdsFor(tree: Tree): { readonly links: boolean; readonly scripts: boolean } {
    const { links, scripts } = shapeOf(tree);
    return { links: links === this.#shape.links, scripts: scripts === this.#shape.scripts };
  }

  /** Undefined while no image is known. */
  files(sources: Sources, image: RunningImage | undefined): WantedFiles | undefined {
    if (!image) return undefined;
    const { tree, root, version } = sources;
    if (this.#files?.tree !== tree) {
      this.#imageFiles =
        this.#imageFiles?.tree === image.tree
          ? this.#imageFiles
          : { tree: image.tree, desired: this.#imageView.of(image.tree) };
      const wanted = {
        root,
        version,
        rulesFor: (workload: string) => this.#workerRules.get(workload) ?? this.#rules,
        desired: this.#view.of(tree),
        image: this.#imageFiles.desired,
      };
      this.#files = { tree, wanted };
    }
    return { ...this.#files.wanted, version };
  }

  /** See `LoopState`. `syncs` is false where nothing can be synced, so that every change needs a build. */
  keys(
    sources: Sources,
    settings: { readonly environment: Environment; readonly stage: Stage },
    image: RunningImage | undefined,
    syncs: boolean,
  ): { readonly wanted: string; readonly runs: string | undefined } {
    const { environment, stage } = settings;
    const of = [sources.tree, sources.texts, environment, stage, image, syncs];
    if (this.#keys?.of.every((value, index) => value === of[index])) return this.#keys;
    const inputs = inputsOf(environment, devStage(environment, stage), sources.texts);
    this.#keys = {
      of,
      wanted: this.#keysFor("wanted", syncs).of(sources.tree, inputs),
      runs: image && this.#keysFor("runs", syncs).of(image.tree, image.inputs),
    };
    return this.#keys;
  }

  #keysFor(side: "wanted" | "runs", syncs: boolean): BuildKeys {
    const name = `${side} ${syncs}`;
    const keys = this.#buildKeys.get(name) ?? new BuildKeys(this.#rules, syncs);
    this.#buildKeys.set(name, keys);
    return keys;
  }

  /** Why a build is wanted, for people. */
  reasons(
    sources: Sources,
    settings: { readonly environment: Environment; readonly stage: Stage },
    image: RunningImage | undefined,
    syncs: boolean,
  ): readonly string[] {
    const inputs = inputsOf(settings.environment, devStage(settings.environment, settings.stage), sources.texts);
    return differencesOf(image, { tree: sources.tree, inputs }, (path) => {
      const kind = (sources.tree.get(path) ?? image?.tree.get(path))?.kind ?? "file";
      const verdict = this.#rules.judge(path, kind);
      if (verdict.action === "rebuild") return `${verdict.why}${verdict.at === undefined ? "" : ` (${verdict.at})`}`;
      return verdict.action === "sync" && !syncs ? "nothing can be synced into the container" : undefined;
    });
  }
}

/** What of a tree the rules themselves depend on. */
interface Shape {
  readonly links: string;
  readonly scripts: string;
}

function shapeOf(tree: Tree): Shape {
  const links = [...tree].flatMap(([path, entry]) => (entry.kind === "symlink" ? [[path, entry.target]] : []));
  const manifest = tree.get("package.json");
  return { links: JSON.stringify(links.sort()), scripts: manifest?.kind === "file" ? manifest.hash : "" };
}
