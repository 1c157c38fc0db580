import { digestOf } from "../base/digest.ts";
import type { AppContainer } from "./app-container.ts";
import type { ReadTriggers } from "./base-images.ts";
import type { BringOptions } from "./bring-files.ts";
import { ContainerWork } from "./container-work.ts";
import { type Action, decide } from "./decide.ts";
import { asEnvctlError } from "./deploy-sources.ts";
import { Deployments, type DeploymentWish } from "./deployments.ts";
import type { DevStatus } from "./dev-event.ts";
import type { LoopSettings } from "./dev-settings.ts";
import { freshHolds } from "./fresh-holds.ts";
import type { Batch } from "./gathering.ts";
import type { DevLoopOptions } from "./loop-options.ts";
import { type LoopParts, openParts } from "./loop-parts.ts";
import { statusOf } from "./loop-status.ts";
import { DevOutside } from "./outside.ts";
import type { RunningImage } from "./running-image.ts";
import { SettingsFiles } from "./settings-files.ts";
import type { Sources } from "./sources.ts";
import { StageContainers } from "./stage-containers.ts";
import { WantedState } from "./wanted-state.ts";
import { WatchedSources } from "./watched-sources.ts";

/** Brings every change of the sources to the containers of a stage, until it is told to end. */
export class DevLoop {
  readonly #options: DevLoopOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #outside: DevOutside;
  readonly #containers: StageContainers;
  readonly #work: ContainerWork;
  readonly #deployments: Deployments;
  readonly #settingsFiles: SettingsFiles;
  /** In force now. */
  settings: LoopSettings;
  readonly #watched: WatchedSources;
  readonly #readTriggers: ReadTriggers;
  #wanted: WantedState;
  #image: RunningImage | undefined;
  /** Why a build is wanted although nothing asks for it that is built. */
  #asked: string | undefined;
  /** False where a container takes no files: then every change is built. */
  #syncs = true;
  #redact: (text: string) => string;
  /** Settings were taken up while the Dockerfile was another one than that of the image. */
  #owesRules = false;
  /** One after the other: two must not take up the same settings. */
  #batches = Promise.resolve();

  private constructor(options: DevLoopOptions, parts: LoopParts) {
    const { workspace, stage, listener } = options;
    this.#options = options;
    this.settings = { environment: workspace.environment, stage };
    this.#readTriggers = parts.readTriggers;
    this.#wanted = parts.wanted;
    this.#image = parts.image;
    this.#redact = parts.redact;
    this.#signal = AbortSignal.any([workspace.signal, this.#stop.signal]);
    this.#outside = new DevOutside(workspace, listener);
    this.#settingsFiles = new SettingsFiles(options, () => void this.#watched.lookAgain([]));
    this.#watched = new WatchedSources(parts.sources, {
      clock: workspace.clock,
      signal: this.#signal,
      onBatch: (batch) => {
        this.#batches = this.#batches.then(() => this.#onBatch(batch));
        return this.#batches;
      },
      onEdit: (edit) => this.#work.edits.add(edit),
      onNote: (text) => listener({ type: "note", text }),
    });
    this.#containers = new StageContainers({
      engines: parts.engines,
      place: this.#place,
      clock: workspace.clock,
      signal: this.#signal,
      listener,
      redact: (text) => this.#redact(text),
      deploying: () => this.#deployments.current !== undefined,
      onChange: () => this.#tick(),
    });
    this.#deployments = new Deployments({
      workspace,
      listener,
      signal: this.#signal,
      wish: () => this.#wish(),
      onDeployed: (image) => this.#deployed(image),
      url: () => this.#outside.url(this.settings.stage),
      onChange: () => this.#tick(),
    });
    this.#work = new ContainerWork({
      files: () => this.#wanted.files(this.#sources, this.#image),
      options: () => this.#bringOptions(),
      freshHolds: () => {
        const { rules } = this.settings.environment.dev;
        return this.#image ? freshHolds(this.#image.tree, this.#sources.tree, this.#wanted.rules, rules) : "unknown";
      },
      busybox: (engine) => options.busybox(workspace, this.settings.stage, engine),
      version: () => Math.min(this.#sources.version, ...this.#ours().map(({ version }) => version)),
      onReady: (files) => this.#outside.reload(files, this.#image?.release.name ?? ""),
      onUnsettled: (paths) => void this.#watched.lookAgain(paths),
      onStuck: () => {
        if (!this.#deployments.current)
          this.#asked ??= "a deleted file cannot be taken out of a container that has ended";
      },
      onChange: () => this.#tick(),
    });
  }

  /** Throws where the stage's hosts, its secrets or the sources cannot be read: then there is nothing to loop over. */
  static async open(options: DevLoopOptions): Promise<DevLoop> {
    return new DevLoop(options, await openParts(options.workspace, options.stage));
  }

  /** Runs until the signal or `stop`; all that was begun has ended then. With `once` it throws what failed. */
  async run(): Promise<void> {
    const { listener, once, workspace } = this.#options;
    for (const note of this.#sources.notes) listener({ type: "note", text: note });
    try {
      await this.#outside.openReload(this.settings.environment);
      await this.#containers.start();
      if (this.#image) await this.#deployments.resume(this.#image);
      if (!once) await this.#watched.open();
      this.#tick();
      if (!this.#signal.aborted) {
        await new Promise<void>((resolve) => this.#signal.addEventListener("abort", () => resolve(), { once: true }));
      }
    } finally {
      this.#stop.abort();
      this.#watched.close();
      await this.#deployments.end();
      await this.#work.end();
      await Promise.allSettled([this.#containers.close(), this.#outside.close()]);
    }
    const { failed } = this.#deployments;
    if (once && failed && !workspace.signal.aborted) throw failed.error;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Builds anew, whether anything changed or not. */
  rebuild(): void {
    this.#asked = "you asked for it";
    this.#tick();
  }

  /** Starts the app's processes anew. */
  restart(): void {
    const digest = this.#image?.release.digest;
    for (const app of this.#containers.apps.values()) if (app.digest === digest) this.#work.restart(app);
    this.#tick();
  }

  get apps(): readonly AppContainer[] {
    return [...this.#containers.apps.values()].filter((app) => app.observed.state === "running");
  }

  get status(): DevStatus {
    return statusOf({
      stage: this.settings.stage.name,
      release: this.#image?.release.name,
      deploying: this.#deployments.current !== undefined,
      apps: this.#ours(),
      lastSync: this.#work.lastSync,
      p95: this.#work.p95,
      url: this.#outside.url(this.settings.stage),
      failed: this.#deployments.failed !== undefined,
    });
  }

  get #sources(): Sources {
    return this.#watched.current;
  }

  get #place() {
    return { environment: this.settings.environment.name, stage: this.settings.stage.name };
  }

  #ours(): readonly AppContainer[] {
    const digest = this.#image?.release.digest;
    return digest === undefined ? [] : this.apps.filter((app) => app.digest === digest);
  }

  #tick(): void {
    if (this.#signal.aborted) return;
    const apps = [...this.#containers.apps.values()];
    // While containers are replaced, what is under way must not become another wish by their coming and going.
    if (!this.#deployments.current) this.#syncs = !apps.some((app) => app.files === "impossible");
    const keys = this.#wanted.keys(this.#sources, this.settings, this.#image, this.#syncs);
    if (this.#deployments.failed?.key !== keys.wanted) this.#deployments.failed = undefined;
    const digest = this.#image?.release.digest;
    const actions = decide({
      version: this.#sources.version,
      ...keys,
      deploying: this.#deployments.current,
      failed: this.#deployments.failed,
      asked: this.#asked !== undefined,
      reachable: this.#containers.reachable,
      containers: apps.map((app) => app.state(digest)),
    });
    for (const action of actions) this.#do(action);
    this.#options.listener({ type: "status", status: this.status });
    const done = actions.length === 0 && this.#deployments.current === undefined && this.#work.idle;
    if (this.#options.once && done) this.#stop.abort();
  }

  #do(action: Action): void {
    if (action.kind === "cancel") this.#deployments.cancel();
    else if (action.kind === "deploy") {
      const why = action.force ? this.#asked : undefined;
      this.#asked = undefined;
      this.#deployments.start(why);
    } else {
      const container = this.#containers.apps.get(action.container);
      if (container) this.#work[action.kind](container);
    }
  }

  #wish(): DeploymentWish {
    const { version, texts } = this.#sources;
    const { wanted: key } = this.#wanted.keys(this.#sources, this.settings, this.#image, this.#syncs);
    const reasons = this.#wanted.reasons(this.#sources, this.settings, this.#image, this.#syncs);
    return { ...this.settings, key, version, texts, reasons, serving: this.#image?.release.name };
  }

  async #deployed(image: RunningImage): Promise<void> {
    const { environment, stage } = this.settings;
    this.#image = image;
    this.#wanted = await WantedState.read(environment, stage, this.#sources, image, this.#readTriggers);
    this.#owesRules = false;
    await this.#containers.lookAtAll();
    await this.#outside.forward(environment, stage);
    this.#outside.reload([], image.release.name);
  }

  async #onBatch(batch: Batch): Promise<void> {
    // Whatever is wrong with the settings, no change of a file must be lost for it.
    await this.#telling(() => this.#reread(batch));
    await this.#telling(async () => {
      await this.#watched.refresh(batch);
      const { links, scripts } = this.#wanted.holdsFor(this.#sources.tree);
      if (this.#owesRules || !links || !scripts) await this.#renewRules(this.#owesRules || !links);
      this.#tick();
    });
  }

  async #telling(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#options.listener({ type: "failed", error: asEnvctlError(error), serving: this.#image?.release.name });
    }
  }

  async #reread({ files }: Batch): Promise<void> {
    const before = { ...this.settings, sources: this.#sources };
    const found = await this.#settingsFiles.reread(files, before, this.#signal);
    if (!found) return;
    await this.#outside.openReload(found.settings.environment);
    this.#redact = found.redact;
    this.settings = found.settings;
    this.#options.listener({ type: "note", text: "the environment file was read again" });
    if (found.sources) await this.#watched.replace(found.sources);
    await this.#renewRules(true);
  }

  /** `moved`: files may belong elsewhere than before, and what the containers hold is looked at anew. */
  async #renewRules(moved: boolean): Promise<void> {
    const { environment, stage } = this.settings;
    const image = this.#image;
    // The rules of another Dockerfile are those of the image that is yet to be built.
    if (image && image.inputs[0] !== digestOf(this.#sources.texts[0])) {
      // Without a build there are none, once the Dockerfile is put back.
      this.#owesRules ||= moved;
      return;
    }
    this.#wanted = await WantedState.read(environment, stage, this.#sources, image, this.#readTriggers);
    this.#owesRules = false;
    if (!moved) return;
    for (const app of this.#containers.apps.values()) {
      app.fresh = false;
      await app.close();
    }
  }

  #bringOptions(): BringOptions {
    const { workspace, listener } = this.#options;
    return {
      stage: this.settings.stage,
      place: this.#place,
      clock: workspace.clock,
      listener,
      redact: (text) => this.#redact(text),
      signal: this.#signal,
    };
  }
}
