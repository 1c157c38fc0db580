import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { cacheDirectory } from "../build/stat-cache.ts";
import type { Engine } from "../engine/engine.ts";
import type { Environment, Problem, Stage } from "../environment/model.ts";
import { openHosts } from "../promotion/deploy.ts";
import { stageSecrets } from "../promotion/stage-secrets.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { redactor } from "../secrets/redactor.ts";
import type { AppContainer } from "./app-container.ts";
import type { BringOptions } from "./bring-files.ts";
import { ContainerWork } from "./container-work.ts";
import { type Action, decide, type FailedAttempt } from "./decide.ts";
import { deploySources, retryAfter } from "./deploy-sources.ts";
import type { DevListener, DevStatus } from "./dev-event.ts";
import { type LoopSettings, nextSettings, sourcesMoved } from "./dev-settings.ts";
import { freshHolds } from "./fresh-holds.ts";
import type { Batch } from "./gathering.ts";
import { DevOutside } from "./outside.ts";
import type { RunningImage } from "./running-image.ts";
import { Sources, type SourcesChange } from "./sources.ts";
import { StageContainers } from "./stage-containers.ts";
import { WantedState } from "./wanted-state.ts";
import { type Watch, watchTree } from "./watch-tree.ts";

export interface DevLoopOptions {
  readonly workspace: Workspace;
  /** As the file has it: one that comes after no other. */
  readonly stage: Stage;
  readonly listener: DevListener;
  /** Reads the environment file again. Throws `environment-invalid`. */
  readonly reread: () => Promise<{ readonly environment: Environment; readonly problems: readonly Problem[] }>;
  /** Bring everything up to date, and end. */
  readonly once: boolean;
  /** A reference, on that engine, of an image with a static busybox. */
  readonly busybox: (workspace: Workspace, stage: Stage, engine: Engine) => Promise<string>;
}

/** Milliseconds until an engine or registry that was out of reach is tried again. */
const retryPause = 5000;
/** Milliseconds after which a file that changed while it was read is read again. */
const settlePause = 50;

/** Brings every change of the sources to the containers of a stage, until it is told to end. */
export class DevLoop {
  readonly #options: DevLoopOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #outside: DevOutside;
  readonly #containers: StageContainers;
  readonly #work: ContainerWork;
  #settings: LoopSettings;
  #sources: Sources;
  #wanted: WantedState;
  #watch: Watch | undefined;
  #image: RunningImage | undefined;
  #deploying: { readonly key: string; readonly cancel: AbortController; readonly done: Promise<void> } | undefined;
  #failed: (FailedAttempt & { readonly error: EnvctlError }) | undefined;
  #asked = false;
  #redact: (text: string) => string;

  private constructor(
    options: DevLoopOptions,
    parts: { sources: Sources; wanted: WantedState; engines: readonly Engine[]; redact: (text: string) => string },
  ) {
    const { workspace, stage, listener } = options;
    this.#options = options;
    this.#settings = { environment: workspace.environment, stage };
    this.#sources = parts.sources;
    this.#wanted = parts.wanted;
    this.#redact = parts.redact;
    this.#signal = AbortSignal.any([workspace.signal, this.#stop.signal]);
    this.#outside = new DevOutside(workspace, listener);
    this.#containers = new StageContainers({
      engines: parts.engines,
      place: this.#place,
      clock: workspace.clock,
      signal: this.#signal,
      listener,
      redact: (text) => this.#redact(text),
      deploying: () => this.#deploying !== undefined,
      onChange: () => this.#tick(),
    });
    this.#work = new ContainerWork({
      files: () => this.#wanted.files(this.#sources, this.#image),
      options: () => this.#bringOptions(),
      freshHolds: () => {
        const { rules } = this.#settings.environment.dev;
        return this.#image ? freshHolds(this.#image.tree, this.#sources.tree, this.#wanted.rules, rules) : "unknown";
      },
      busybox: (engine) => options.busybox(workspace, this.#settings.stage, engine),
      version: () => Math.min(this.#sources.version, ...this.#ours().map(({ version }) => version)),
      onReady: (files) => this.#outside.reload(files, this.#image?.release.name ?? ""),
      onUnsettled: (paths) => void this.#lookAgain(paths),
      onChange: () => this.#tick(),
    });
  }

  /** Throws where the stage's hosts, its secrets or the sources cannot be read: then there is nothing to loop over. */
  static async open(options: DevLoopOptions): Promise<DevLoop> {
    const { workspace, stage } = options;
    const { environment, variables, signal } = workspace;
    const [engines, sources, secrets] = await Promise.all([
      openHosts(workspace, stage),
      Sources.open(environment, { cacheDirectory: cacheDirectory(variables), signal }),
      stageSecrets(workspace, stage),
    ]);
    const wanted = await WantedState.read(environment, stage, sources, undefined);
    const { redact } = redactor(Object.values(secrets));
    return new DevLoop(options, { sources, wanted, engines, redact });
  }

  /** Runs until the signal or `stop`; all that was begun has ended then. With `once` it throws what failed. */
  async run(): Promise<void> {
    const { listener, once, workspace } = this.#options;
    for (const note of this.#sources.notes) listener({ type: "note", text: note });
    try {
      await this.#outside.openReload(this.#settings.environment);
      await this.#containers.start();
      if (!once) await this.#openWatch();
      this.#tick();
      if (!this.#signal.aborted) {
        await new Promise<void>((resolve) => this.#signal.addEventListener("abort", () => resolve(), { once: true }));
      }
    } finally {
      this.#stop.abort();
      this.#watch?.close();
      await this.#deploying?.done;
      await this.#work.end();
      await Promise.allSettled([this.#containers.close(), this.#outside.close()]);
    }
    if (once && this.#failed && !workspace.signal.aborted) throw this.#failed.error;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Builds anew, whether anything changed or not. */
  rebuild(): void {
    this.#asked = true;
    this.#tick();
  }

  /** Starts the app's processes anew. */
  restart(): void {
    const digest = this.#image?.release.digest;
    for (const app of this.#containers.apps.values()) if (app.digest === digest) this.#work.restart(app);
    this.#tick();
  }

  /** The app's containers that run. */
  get apps(): readonly AppContainer[] {
    return [...this.#containers.apps.values()].filter((app) => app.observed.state === "running");
  }

  get status(): DevStatus {
    const ours = this.#ours();
    const health = ours.map((app) => app.health);
    const busy = ours.some((app) => app.busy);
    return {
      stage: this.#settings.stage.name,
      release: this.#image?.release.name,
      different: Math.max(0, ...ours.map((app) => app.different)),
      activity: this.#deploying ? "building" : health.includes("starting") ? "restarting" : busy ? "syncing" : "idle",
      health: ours.length === 0 ? "down" : (health.find((one) => one !== "healthy") ?? "healthy"),
      lastSync: this.#work.lastSync,
      p95: this.#work.p95,
      url: this.#outside.url(this.#settings.stage),
      failed: this.#failed !== undefined,
    };
  }

  get #place() {
    return { environment: this.#settings.environment.name, stage: this.#settings.stage.name };
  }

  get #syncs(): boolean {
    return ![...this.#containers.apps.values()].some((app) => app.files === "impossible");
  }

  #ours(): readonly AppContainer[] {
    const digest = this.#image?.release.digest;
    return digest === undefined ? [] : this.apps.filter((app) => app.digest === digest);
  }

  #tick(): void {
    if (this.#signal.aborted) return;
    const keys = this.#wanted.keys(this.#sources, this.#settings, this.#image, this.#syncs);
    if (this.#failed && this.#failed.key !== keys.wanted) this.#failed = undefined;
    const digest = this.#image?.release.digest;
    const actions = decide({
      version: this.#sources.version,
      ...keys,
      deploying: this.#deploying && { key: this.#deploying.key, cancelled: this.#deploying.cancel.signal.aborted },
      failed: this.#failed,
      asked: this.#asked,
      reachable: this.#containers.reachable,
      containers: [...this.#containers.apps.values()].map((app) => app.state(digest)),
    });
    for (const action of actions) this.#do(action);
    this.#options.listener({ type: "status", status: this.status });
    const done = actions.length === 0 && this.#deploying === undefined && this.#work.idle;
    if (this.#options.once && done) this.#stop.abort();
  }

  #do(action: Action): void {
    if (action.kind === "cancel") this.#deploying?.cancel.abort();
    else if (action.kind === "deploy") this.#startDeployment(action.force);
    else {
      const container = this.#containers.apps.get(action.container);
      if (container) this.#work[action.kind](container);
    }
  }

  #startDeployment(force: boolean): void {
    this.#asked = false;
    const cancel = new AbortController();
    const { wanted: key } = this.#wanted.keys(this.#sources, this.#settings, this.#image, this.#syncs);
    const reasons = this.#wanted.reasons(this.#sources, this.#settings, this.#image, this.#syncs);
    this.#options.listener({ type: "rebuilding", why: force ? ["you asked for it"] : reasons });
    // It is told as under way before its first step: a look at the containers must know who replaces them.
    const done = Promise.resolve()
      .then(() => this.#deploy(force, cancel.signal, key))
      .finally(() => {
        this.#deploying = undefined;
        this.#tick();
      });
    this.#deploying = { key, cancel, done };
  }

  async #deploy(force: boolean, cancelled: AbortSignal, key: string): Promise<void> {
    const { workspace, listener } = this.#options;
    const { environment, stage } = this.#settings;
    const { version, texts } = this.#sources;
    const begun = performance.now();
    try {
      const signal = AbortSignal.any([cancelled, this.#stop.signal]);
      const image = await deploySources({ workspace, environment, stage, texts, force, signal });
      this.#image = image;
      this.#failed = undefined;
      this.#wanted = await WantedState.read(environment, stage, this.#sources, image);
      await this.#containers.lookAtAll();
      const { name, digest } = image.release;
      const url = this.#outside.url(stage);
      const milliseconds = performance.now() - begun;
      listener({ type: "serving", release: name, digest, built: image.built, url, milliseconds });
      await this.#outside.forward(environment, stage);
      this.#outside.reload([], name);
    } catch (thrown) {
      if (this.#signal.aborted) return;
      if (cancelled.aborted) return listener({ type: "cancelled" });
      const error = asEnvctlError(thrown);
      this.#failed = { key, version, retry: retryAfter(error), error };
      listener({ type: "failed", error, serving: this.#image?.release.name });
      if (this.#failed.retry === "engine") this.#tryAgainLater();
    }
  }

  #tryAgainLater(): void {
    const again = () => {
      if (this.#failed?.retry === "engine") this.#failed = undefined;
      this.#tick();
    };
    this.#options.workspace.clock.wait(retryPause, this.#signal).then(again, () => {});
  }

  async #openWatch(): Promise<void> {
    this.#watch = await watchTree({
      root: this.#sources.root,
      ignore: () => this.#sources.ignore,
      files: this.#sources.files,
      signal: this.#signal,
      onDirty: (batch) => this.#onBatch(batch),
      onNote: (text) => this.#options.listener({ type: "note", text }),
    });
    // What changed before everything was watched was not seen.
    this.#took(await this.#sources.refresh("everything"), performance.now(), 0);
  }

  async #onBatch(batch: Batch): Promise<void> {
    try {
      const [environmentFile, dotenv] = this.#sources.files;
      if ([environmentFile, dotenv].some((file) => file !== undefined && batch.files.has(file))) await this.#reread();
      const change = await this.#sources.refresh(batch.dirty);
      this.#took(change, batch.detectedAt, batch.heldByGit);
      const { links, scripts } = this.#wanted.holdsFor(this.#sources.tree);
      if (!links || !scripts) await this.#renewRules(!links);
      this.#tick();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#options.listener({ type: "failed", error: asEnvctlError(error), serving: this.#image?.release.name });
    }
  }

  #took(change: SourcesChange, detectedAt: number, heldByGit: number): void {
    if (change.ignoreChanged) this.#watch?.rejudge();
    if (change.unsettled.length > 0) void this.#lookAgain(change.unsettled);
    if (change.changed.length === 0) return;
    this.#work.edits.add({ version: this.#sources.version, detectedAt, readAt: performance.now(), heldByGit });
  }

  async #lookAgain(paths: readonly string[]): Promise<void> {
    const detectedAt = performance.now();
    await this.#options.workspace.clock.wait(settlePause, this.#signal).catch(() => {});
    await this.#onBatch({ dirty: new Set(paths), files: new Set(), detectedAt, heldByGit: 0 });
  }

  /** The environment file or `.env` changed. What is wrong with it is told, and what was in force stays so. */
  async #reread(): Promise<void> {
    const { listener, reread, workspace } = this.#options;
    const before = this.#settings;
    const settings = nextSettings(before, (await reread()).environment);
    if (!settings) return;
    const { environment, stage } = settings;
    const secrets = await stageSecrets({ ...workspace, environment }, stage);
    await this.#outside.openReload(environment);
    this.#redact = redactor(Object.values(secrets)).redact;
    this.#settings = settings;
    listener({ type: "note", text: "the environment file was read again" });
    if (sourcesMoved(before.environment, environment)) {
      const options = { cacheDirectory: cacheDirectory(workspace.variables), signal: this.#signal };
      const { version } = this.#sources;
      this.#sources = await Sources.open(environment, options);
      this.#sources.version = version + 1;
      this.#watch?.close();
      await this.#openWatch();
    }
    await this.#renewRules(true);
  }

  /** `moved`: files may belong elsewhere than before, and what the containers hold is looked at anew. */
  async #renewRules(moved: boolean): Promise<void> {
    const { environment, stage } = this.#settings;
    const image = this.#image;
    // The rules of another Dockerfile are those of the image that is yet to be built.
    if (image && image.inputs[0] !== this.#sources.texts[0]) return;
    this.#wanted = await WantedState.read(environment, stage, this.#sources, image);
    if (!moved) return;
    for (const app of this.#containers.apps.values()) {
      app.fresh = false;
      await app.close();
    }
  }

  #bringOptions(): BringOptions {
    const { workspace, listener } = this.#options;
    const { stage } = this.#settings;
    return {
      app: stage.app,
      place: this.#place,
      timeout: stage.rollout.timeout,
      clock: workspace.clock,
      listener,
      redact: (text) => this.#redact(text),
      signal: this.#signal,
    };
  }
}

function asEnvctlError(thrown: unknown): EnvctlError {
  if (thrown instanceof EnvctlError) return thrown;
  return new EnvctlError({ code: "internal", exitCode: ExitCode.failed, what: messageOf(thrown), cause: thrown });
}
