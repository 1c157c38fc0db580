import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import type { Progress } from "../base/progress.ts";
import type { Tally } from "./tally.ts";

/** How often the step under way is told anew. Milliseconds. */
const tick = 1000;
/** A log gets so many lines in a bake, and none sooner than so many milliseconds after the one before. */
const linesInLog = 4;
const leastBetweenLines = 10_000;

/** Waits for the bake to be over, and tells all the while how far it is: in a log, a line now and then. */
export async function reportBake(bake: {
  /** Milliseconds. */
  readonly duration: number;
  readonly tally: Pick<Tally, "text">;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { duration, tally, clock, progress, signal } = bake;
  const between = Math.max(leastBetweenLines, duration / linesInLog);
  let nextLine = between;
  // By what was waited, not by the time of day: that may be set meanwhile.
  for (let elapsed = 0; elapsed < duration; ) {
    const text = `${Math.floor((100 * elapsed) / duration)}%, ${formatDuration(duration - elapsed)} left: ${tally.text}`;
    if (elapsed >= nextLine) {
      progress.output(text);
      nextLine += between;
    }
    progress.update(text);
    const pause = Math.min(tick, duration - elapsed);
    await clock.wait(pause, signal);
    elapsed += pause;
  }
  progress.note(`${tally.text} in ${formatDuration(duration)}`);
}
