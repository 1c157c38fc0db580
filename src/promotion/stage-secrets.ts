import type { Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { resolveSecrets } from "../secrets/resolve.ts";

/** Names of all secrets that the stage's containers are given, each once. */
export function secretNames(stage: Stage): string[] {
  return [...new Set([stage.app, ...stage.workers, ...stage.services].flatMap((workload) => workload.secrets))];
}

/** Values of all secrets that the stage's containers name. Throws `secret-missing` (exit 2) before anything is touched. */
export async function stageSecrets(workspace: Workspace, stage: Stage): Promise<Readonly<Record<string, string>>> {
  const names = secretNames(stage);
  if (names.length === 0) return {};
  const resolved = await resolveSecrets(names, {
    stage: stage.name,
    directory: workspace.environment.directory,
    variables: workspace.variables,
  });
  for (const warning of resolved.warnings) workspace.progress.warn(warning);
  return resolved.values;
}
