import type { EnvctlError } from "../base/errors.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { FailedAttempt, LoopState } from "./decide.ts";
import { asEnvctlError, deploySources, retryAfter } from "./deploy-sources.ts";
import type { DevListener } from "./dev-event.ts";
import type { LoopSettings } from "./dev-settings.ts";
import type { RunningImage } from "./running-image.ts";

/** What is to be deployed, at the moment it is asked. */
export interface DeploymentWish extends LoopSettings {
  readonly key: string;
  readonly version: number;
  readonly texts: readonly string[];
  /** Why, for people. */
  readonly reasons: readonly string[];
  /** The release that serves now. */
  readonly serving: string | undefined;
}

export interface DeploymentsOptions {
  readonly workspace: Workspace;
  readonly listener: DevListener;
  readonly signal: AbortSignal;
  wish(): DeploymentWish;
  /** The release serves. */
  onDeployed(image: RunningImage): Promise<void>;
  /** Where a browser finds the app. */
  url(): string | undefined;
  onChange(): void;
}

/** Milliseconds until an engine or registry that was out of reach is tried again. */
const retryPause = 5000;

/** Builds and deployments, one at a time; what failed last is remembered. */
export class Deployments {
  failed: (FailedAttempt & { readonly error: EnvctlError }) | undefined;
  readonly #options: DeploymentsOptions;
  #current: { readonly key: string; readonly cancel: AbortController; readonly done: Promise<void> } | undefined;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
  }

  get current(): LoopState["deploying"] {
    return this.#current && { key: this.#current.key, cancelled: this.#current.cancel.signal.aborted };
  }

  cancel(): void {
    this.#current?.cancel.abort();
  }

  /** Resolves when none is under way any more. */
  async end(): Promise<void> {
    await this.#current?.done;
  }

  /** What an earlier loop brought there serves, and is known. */
  async resume(image: RunningImage): Promise<void> {
    const begun = performance.now();
    await this.#options.onDeployed(image);
    this.#tellServing(image, false, begun);
  }

  /** `asked`: why it is built even if these sources were built before. */
  start(asked: string | undefined): void {
    const force = asked !== undefined;
    const wish = this.#options.wish();
    const cancel = new AbortController();
    this.#options.listener({ type: "rebuilding", why: force ? [asked] : wish.reasons });
    // It is told as under way before its first step: a look at the containers must know who replaces them.
    const done = Promise.resolve()
      .then(() => this.#deploy(wish, force, cancel.signal))
      .finally(() => {
        this.#current = undefined;
        this.#options.onChange();
      });
    this.#current = { key: wish.key, cancel, done };
  }

  async #deploy(wish: DeploymentWish, force: boolean, cancelled: AbortSignal): Promise<void> {
    const { workspace, listener, signal, onDeployed } = this.#options;
    const { environment, stage, texts, key, version } = wish;
    const begun = performance.now();
    try {
      const either = AbortSignal.any([cancelled, signal]);
      const { built, ...image } = await deploySources({ workspace, environment, stage, texts, force, signal: either });
      this.failed = undefined;
      await onDeployed(image);
      this.#tellServing(image, built, begun);
    } catch (thrown) {
      if (signal.aborted) return;
      if (cancelled.aborted) return listener({ type: "cancelled" });
      const error = asEnvctlError(thrown);
      this.failed = { key, version, retry: retryAfter(error), error };
      listener({ type: "failed", error, serving: wish.serving });
      if (this.failed.retry === "engine") this.#tryAgainLater();
    }
  }

  #tellServing({ release: { name, digest } }: RunningImage, built: boolean, begun: number): void {
    const { listener, url } = this.#options;
    const milliseconds = performance.now() - begun;
    listener({ type: "serving", release: name, digest, built, url: url(), milliseconds });
  }

  #tryAgainLater(): void {
    const again = () => {
      if (this.failed?.retry === "engine") this.failed = undefined;
      this.#options.onChange();
    };
    // Aborted, there is nothing to try any more.
    this.#options.workspace.clock.wait(retryPause, this.#options.signal).then(again, () => {});
  }
}
