import type { Clock } from "../base/clock.ts";
import type { ContainerEvent, Engine, Labels } from "../engine/engine.ts";

/** Milliseconds between attempts to reach an engine again. */
const firstPause = 250;
const longestPause = 5000;

export interface ContainerWatch {
  readonly engine: Engine;
  readonly labels: Labels;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Something may be other than it was: look. Also called when listening begins, and begins anew. */
  onNews(event: ContainerEvent | undefined): void;
  /** The engine does not answer; told once. */
  onLost(error: unknown): void;
  onBack(): void;
}

/** Listens to an engine's events for as long as the signal lets it, and again after the engine was away. */
export async function watchContainers(watch: ContainerWatch): Promise<void> {
  const { engine, labels, signal, clock } = watch;
  let lost = false;
  let pause = firstPause;
  while (!signal.aborted) {
    try {
      const events = await engine.events(labels, signal);
      if (lost) watch.onBack();
      lost = false;
      pause = firstPause;
      watch.onNews(undefined);
      for await (const event of events) watch.onNews(event);
    } catch (error) {
      if (signal.aborted) return;
      if (!lost) watch.onLost(error);
      lost = true;
    }
    await clock.wait(pause, signal).catch(() => {});
    pause = Math.min(pause * 2, longestPause);
  }
}
