import type { EngineDescription } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { SystemInfo, VersionAnswer } from "./api-types.ts";
import { platformName } from "./platform.ts";

/** What an engine says of itself, and what follows from it. */
export interface System {
  readonly description: EngineDescription;
  /** False where containers live in another network than the engine's socket: rootless, or in a virtual machine. */
  readonly sharesNetwork: boolean;
}

export async function readSystem(api: ApiClient, plaintext: boolean, signal?: AbortSignal): Promise<System> {
  const doing = "asking the engine what it is";
  // One after the other: over SSH a second connection costs more than a second question.
  const { body: version } = await api.call<VersionAnswer>({ method: "GET", path: "/version", doing, signal });
  const { body: info } = await api.call<SystemInfo>({ method: "GET", path: "/info", doing, signal });
  const podman = version.Components?.some(({ Name }) => Name?.startsWith("Podman")) ?? false;
  const rootless = info.SecurityOptions?.some((option) => option.includes("name=rootless")) ?? false;
  const virtualMachine = process.platform !== "linux" || info.OperatingSystem === "Docker Desktop";
  return {
    description: {
      product: podman ? "podman" : "docker",
      version: version.Version ?? "unknown",
      apiVersion: api.prefix.replace(/^\/v/, ""),
      platform: platform(version, info),
      imageStore: usesContainerdStore(info) ? "containerd" : "classic",
      hostName: info.Name ?? "",
      ...(plaintext ? { warnings: [`${api.where} is neither encrypted nor authenticated: use ssh:// or TLS`] } : {}),
    },
    sharesNetwork: !rootless && !virtualMachine,
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
