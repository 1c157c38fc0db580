/** Names of what envctl makes on a host. All start with environment and stage, so that people see what belongs together. */

interface Place {
  readonly environment: string;
  readonly stage: string;
}

export function networkName(place: Place): string {
  return `${place.environment}-${place.stage}`;
}

export function volumeName(place: Place, volume: string): string {
  return `${place.environment}-${place.stage}_${volume}`;
}

/** Release and generation are in the name, so that `docker ps` alone tells what runs. */
export function containerName(
  place: Place & { readonly workload: string },
  version: string,
  generation: number,
  replica: number | undefined,
): string {
  const base = `${place.environment}-${place.stage}-${place.workload}-${version}-${generation}`;
  return replica === undefined ? base : `${base}-${replica}`;
}
