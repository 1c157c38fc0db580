import { formatRepository, parseImageReference } from "../../base/reference.ts";
import type { ObservedImage } from "../engine.ts";
import type { ImageInspect } from "./api-types.ts";
import { imageIdentity, signalName, variables } from "./container-observation.ts";
import { platformName } from "./platform.ts";

export function observedImage(inspect: ImageInspect): ObservedImage {
  const config = inspect.Config ?? {};
  const entrypoint = typeof config.Entrypoint === "string" ? [config.Entrypoint] : config.Entrypoint;
  return {
    id: imageIdentity(inspect.Id),
    repoDigests: (inspect.RepoDigests ?? []).flatMap(fullReference),
    tags: (inspect.RepoTags ?? []).flatMap(fullReference),
    labels: config.Labels ?? {},
    env: variables(config.Env ?? []),
    command: config.Cmd ?? undefined,
    entrypoint: entrypoint ?? undefined,
    user: config.User ?? "",
    workdir: config.WorkingDir ?? "",
    volumes: Object.keys(config.Volumes ?? {}),
    stopSignal: signalName(config.StopSignal),
    hasHealthcheck: (config.Healthcheck?.Test ?? []).length > 0 && config.Healthcheck?.Test?.[0] !== "NONE",
    onBuild: config.OnBuild ?? [],
    platform: platformName(inspect.Os ?? "linux", inspect.Architecture ?? "", inspect.Variant),
    size: inspect.Size ?? 0,
  };
}

/** Docker says `busybox:latest` where Podman, and envctl, say `docker.io/library/busybox:latest`. */
function fullReference(text: string): string[] {
  const reference = parseImageReference(text);
  if (!reference) return []; // `<none>:<none>` of images without a name.
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return [`${formatRepository(reference)}${tag}${digest}`];
}
