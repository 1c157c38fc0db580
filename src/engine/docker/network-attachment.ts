import type { ApiClient } from "./api.ts";
import type { ContainerInspect } from "./api-types.ts";

/**
 * Attaches a container, running or not, to one more network. Its published ports and its default route belong to one of
 * its networks: before API 1.48 to the first by name, from then on to the one with the highest priority. Where they move,
 * connections break: attach to networks only that sort after the container's own.
 */
export async function connectNetwork(
  api: ApiClient,
  network: string,
  container: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await api.call({
      method: "POST",
      path: `/networks/${encodeURIComponent(network)}/connect`,
      body: { Container: container, EndpointConfig: { GwPriority: -1 } },
      doing: `attaching container ${container} to network ${network}`,
      signal,
    });
  } catch (error) {
    // Engines have each their own words for "it is already"; what is so, they all tell alike.
    if (signal?.aborted || !(await isAttached(api, network, container, signal))) throw error;
  }
}

/** Where the container or the network is gone, they are apart. */
export async function disconnectNetwork(
  api: ApiClient,
  network: string,
  container: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await api.call({
      method: "POST",
      path: `/networks/${encodeURIComponent(network)}/disconnect`,
      body: { Container: container, Force: false },
      doing: `detaching container ${container} from network ${network}`,
      accept: [404],
      signal,
    });
  } catch (error) {
    if (signal?.aborted || (await isAttached(api, network, container, signal))) throw error;
  }
}

async function isAttached(
  api: ApiClient,
  network: string,
  container: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const answer = await api.call<ContainerInspect>({
    method: "GET",
    path: `/containers/${encodeURIComponent(container)}/json`,
    doing: `inspecting container ${container}`,
    accept: [404],
    signal,
  });
  return answer.status !== 404 && Object.hasOwn(answer.body.NetworkSettings?.Networks ?? {}, network);
}
