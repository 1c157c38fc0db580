import type { ApiClient } from "./api.ts";
import type { ContainerInspect } from "./api-types.ts";

/** How engines refuse it that cannot change the policy of a container: Podman before 5, for one. */
const refusals = [400, 404, 405, 409, 500, 501];

/**
 * Containers that are started run whenever their engine does, and those that are stopped stay so. `unless-stopped` alone
 * does not do that: an engine that crashed ends the containers that it finds running when it is back, and takes that,
 * like any signal, for somebody's wish to stop them (moby/moby#41302, #47792). So what is started gets `always`, and what
 * is stopped is `unless-stopped` again. Where the engine cannot change it, it stays at that.
 */
export async function comeBackWithEngine(
  api: ApiClient,
  id: string,
  comesBack: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const doing = `looking after the restarts of container ${id}`;
  const { body } = await api.call<ContainerInspect | undefined>({
    method: "GET",
    path: `${path}/json`,
    doing,
    accept: [404],
    signal,
  });
  const found = body?.HostConfig?.RestartPolicy?.Name;
  const [from, to] = comesBack ? ["unless-stopped", "always"] : ["always", "unless-stopped"];
  if (found !== from) return;
  const wanted = { RestartPolicy: { Name: to } };
  await api.call({ method: "POST", path: `${path}/update`, body: wanted, doing, accept: refusals, signal });
}
