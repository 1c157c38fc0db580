import { ImageLabel } from "./release.ts";

/** What the build knows of a release before the image exists. */
export interface LabelSource {
  readonly environment: string;
  readonly release: string;
  readonly fingerprint: string;
  readonly commit: string | undefined;
  readonly dirty: boolean;
  /** The commit's time, not the clock's: the same commit must give the same image. */
  readonly commitTime: Date | undefined;
  /** URL of the source repository, without credentials. */
  readonly source: string | undefined;
}

/**
 * Labels for the image. They are part of the image's configuration and so of its digest: only facts that depend on nothing
 * but the inputs belong here, never the time or the person of the build.
 */
export function imageLabels(source: LabelSource): Readonly<Record<string, string>> {
  return {
    [ImageLabel.environment]: source.environment,
    [ImageLabel.release]: source.release,
    [ImageLabel.fingerprint]: source.fingerprint,
    [ImageLabel.dirty]: String(source.dirty),
    ...(source.commit === undefined ? {} : { [ImageLabel.revision]: source.commit }),
    ...(source.commitTime === undefined ? {} : { [ImageLabel.created]: source.commitTime.toISOString() }),
    ...(source.source === undefined ? {} : { [ImageLabel.source]: source.source }),
  };
}
