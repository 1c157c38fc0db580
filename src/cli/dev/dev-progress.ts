import type { ProgressEvent, ProgressListener } from "../../base/progress.ts";
import { clean } from "../view/clean.ts";
import type { Paint } from "../view/paint.ts";
import { PlainView } from "../view/plain-view.ts";

/**
 * The steps of builds and deployments between the app's own lines: warnings always; the steps themselves only where they
 * are asked for, because what fails says so in full.
 */
export function devProgress(
  print: (line: string) => void,
  doing: (text: string) => void,
  { paint, verbose }: { readonly paint: Paint; readonly verbose: boolean },
): ProgressListener {
  const all = new PlainView(print, paint, true);
  const titles = new Map<number, string>();
  return (event: ProgressEvent) => {
    if (verbose) all.listener(event);
    switch (event.type) {
      case "warning":
        if (!verbose) print(`${paint("yellow", "!")} ${clean(event.message)}`);
        return;
      case "step-started":
        titles.set(event.step, event.title);
        return doing(event.title);
      case "step-updated":
        return doing(`${titles.get(event.step) ?? ""}: ${event.text}`);
      case "step-done":
      case "step-failed":
        titles.delete(event.step);
        return;
      case "step-output":
        return;
    }
  };
}
