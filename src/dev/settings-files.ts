import { messageOf } from "../base/errors.ts";
import { stageSecrets } from "../promotion/stage-secrets.ts";
import { redactor } from "../secrets/redactor.ts";
import { type LoopSettings, nextSettings, sourcesMoved } from "./dev-settings.ts";
import type { DevLoopOptions } from "./loop-options.ts";
import { Sources } from "./sources.ts";

/** What the environment file, and the files it names, say now. */
interface Reread {
  readonly settings: LoopSettings;
  /** Takes the stage's secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Undefined where they are those that were there before. */
  readonly sources: Sources | undefined;
}

/** Milliseconds until settings with a mistake are read again. */
const rereadPause = 2_000;

/** The environment file, and the files whose values it takes up: read again when one of them changes. */
export class SettingsFiles {
  readonly #options: Pick<DevLoopOptions, "workspace" | "reread">;
  readonly #onTime: () => void;
  /** What was wrong when they were read last. */
  #wrong: string | undefined;
  #waits = false;

  /** `onTime`: they may be right by now, although no change was told; call `reread`. */
  constructor(options: Pick<DevLoopOptions, "workspace" | "reread">, onTime: () => void) {
    this.#options = options;
    this.#onTime = onTime;
  }

  /**
   * Undefined where there is nothing to take up. Throws what is wrong with them: then nothing has changed. Any other change
   * may mend that, such as of a file that was missing, so they are read again after each; the same is told only once.
   */
  async reread(
    changed: ReadonlySet<string>,
    before: LoopSettings & { readonly sources: Sources },
    signal: AbortSignal,
  ): Promise<Reread | undefined> {
    const asked = before.sources.settingsFiles.some((file) => changed.has(file));
    if (!asked && this.#wrong === undefined) return undefined;
    try {
      const found = await this.#read(before, signal);
      this.#wrong = undefined;
      return found;
    } catch (error) {
      const isKnown = !asked && this.#wrong === messageOf(error);
      this.#wrong = messageOf(error);
      this.#rereadLater(signal);
      if (isKnown) return undefined;
      throw error;
    }
  }

  /** A file that was missing may be left out of the build context, where nobody tells that it is there. */
  #rereadLater(signal: AbortSignal): void {
    if (this.#waits) return;
    this.#waits = true;
    const again = () => {
      this.#waits = false;
      if (this.#wrong !== undefined) this.#onTime();
    };
    // Aborted, there is nothing to read any more.
    this.#options.workspace.clock.wait(rereadPause, signal).then(again, () => {});
  }

  async #read(before: LoopSettings & { readonly sources: Sources }, signal: AbortSignal): Promise<Reread | undefined> {
    const { workspace, reread } = this.#options;
    const settings = nextSettings(before, (await reread()).environment);
    if (!settings) return undefined;
    const { environment, stage } = settings;
    const secrets = await stageSecrets({ ...workspace, environment }, stage);
    const version = before.sources.version + 1;
    const moved = sourcesMoved(before.environment, environment);
    return {
      settings,
      redact: redactor(Object.values(secrets)).redact,
      sources: moved ? await Sources.open(workspace, environment, signal, version) : undefined,
    };
  }
}
