import type { EngineDescription } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { SystemInfo, VersionAnswer } from "./api-types.ts";
import { platformName } from "./platform.ts";

const doing = "asking the engine what it is";

/** What an engine says of its host. It looks many things up for it: tens of milliseconds. */
export async function readInfo(api: ApiClient, signal?: AbortSignal): Promise<SystemInfo> {
  return (await api.call<SystemInfo>({ method: "GET", path: "/info", doing, signal })).body;
}

/** False where containers live in another network than the engine's socket: rootless, or in a virtual machine. */
export function sharesNetwork(info: SystemInfo): boolean {
  const rootless = info.SecurityOptions?.some((option) => option.includes("name=rootless")) ?? false;
  const virtualMachine = process.platform !== "linux" || info.OperatingSystem === "Docker Desktop";
  return !rootless && !virtualMachine;
}

export async function describeEngine(
  api: ApiClient,
  info: SystemInfo,
  plaintext: boolean,
  signal?: AbortSignal,
): Promise<EngineDescription> {
  const { body: version } = await api.call<VersionAnswer>({ method: "GET", path: "/version", doing, signal });
  const podman = version.Components?.some(({ Name }) => Name?.startsWith("Podman")) ?? false;
  return {
    product: podman ? "podman" : "docker",
    version: version.Version ?? "unknown",
    apiVersion: api.prefix.replace(/^\/v/, ""),
    platform: platform(version, info),
    imageStore: usesContainerdStore(info) ? "containerd" : "classic",
    hostName: info.Name ?? "",
    ...(plaintext ? { warnings: [`${api.where} is neither encrypted nor authenticated: use ssh:// or TLS`] } : {}),
  };
}

/** The engine's own clock. */
export async function engineTime(api: ApiClient, signal?: AbortSignal): Promise<Date | undefined> {
  const { body } = await api.call<SystemInfo>({
    method: "GET",
    path: "/info",
    doing: "asking the engine for the time",
    signal,
  });
  const time = new Date(body.SystemTime ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** `Arch` is Go's name without a variant; the kernel's name in `info` tells the variant of 32-bit ARM. */
function platform(version: VersionAnswer, info: SystemInfo): string {
  const system = info.OSType ?? version.Os ?? "linux";
  const kernel = info.Architecture ?? "";
  return platformName(system, version.Arch === "arm" && kernel !== "" ? kernel : (version.Arch ?? kernel));
}

/** Engine API, SystemInfo: `DriverStatus` is a list of pairs. */
function usesContainerdStore(info: SystemInfo): boolean {
  return (
    info.DriverStatus?.some(([key, value]) => key === "driver-type" && value === "io.containerd.snapshotter.v1") ??
    false
  );
}
