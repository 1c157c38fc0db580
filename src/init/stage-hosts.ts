import { parseHostAddress } from "../base/host.ts";

/** Hosts of the stages after dev, as addresses; none leaves the stage as a comment in the file. */
export interface StageHosts {
  readonly test: readonly string[];
  readonly prod: readonly string[];
}

/** Reads addresses as people type them: separated by commas or spaces, `deploy@a.example.com` meaning SSH. */
export function readHostList(text: string): readonly string[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  return [...new Set(words.map((word) => (word === "local" || word.includes("://") ? word : `ssh://${word}`)))];
}

/** The first that is no address of a host. */
export function wrongHost(hosts: readonly string[]): string | undefined {
  return hosts.find((host) => !parseHostAddress(host));
}

/** A port on the hosts for each stage: stages that share a host cannot share a port. */
export function publishedPorts(port: number, hosts: StageHosts): Record<"dev" | keyof StageHosts, number> {
  const taken = new Set<string>();
  const free = (names: readonly string[]): number => {
    // Below 1024 another server is likely to listen already.
    let candidate = port < 1024 ? port + 8000 : port;
    while (names.some((name) => taken.has(`${name} ${candidate}`))) candidate = (candidate % 65_535) + 1;
    for (const name of names) taken.add(`${name} ${candidate}`);
    return candidate;
  };
  return { dev: free(["local"]), test: free(hosts.test), prod: free(hosts.prod) };
}
