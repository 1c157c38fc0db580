import { unpackTar } from "modern-tar";
import { servedSites } from "../../src/plan/turns.ts";
import { type Site, turnedFolder } from "../../src/proxy/proxy.ts";
import { type Turn, turnFolder, turnFrom } from "../../src/proxy/turn.ts";
import { sitesFile } from "../../src/rollout/proxy-state.ts";
import { askEngine, readEngine } from "./engine.ts";

interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } };
}

/**
 * Everything that there is on a host's engine, a line each, in terms that two runs have in common: releases by the part
 * they play, names without the generation.
 */
export async function stateOf(socket: string, parts: ReadonlyMap<string, string>): Promise<string[]> {
  const containers = await inspected(socket);
  const networks = await readEngine<{ Name: string }[]>(socket, "/networks");
  const volumes = await readEngine<{ Volumes: { Name: string }[] | null }>(socket, "/volumes");
  const part = (release = "none") => parts.get(release) ?? release;
  const releaseOf = (container: string) => {
    const found = containers.find(({ Name }) => Name === `/${container}`);
    return found ? part(found.Config.Labels["envctl.release"]) : `${container}, which is not there`;
  };
  const lines = containers.map(({ Name, State: { Status }, Config: { Labels }, HostConfig }) => {
    const role = Labels["envctl.role"] ?? "foreign";
    const name = role === "app" ? part(Labels["envctl.release"]) : Name;
    const comesBack = Status === "exited" && HostConfig.RestartPolicy.Name === "always";
    return `${role} ${name} ${Status === "created" ? "never started" : Status}${comesBack ? " till its engine starts" : ""}`;
  });
  for (const { Name } of networks) {
    if (!["bridge", "host", "none"].includes(Name)) lines.push(`network ${Name}`);
  }
  for (const { Name } of volumes.Volumes ?? [])
    lines.push(`volume ${/^[0-9a-f]{64}$/.test(Name) ? "anonymous" : Name}`);
  for (const proxy of containers.filter(({ Config }) => Config.Labels["envctl.role"] === "proxy")) {
    const archive = await askEngine(socket, "GET", `/containers/${proxy.Id}/archive?path=/envctl`);
    const files = new Map<string, Buffer>();
    for (const { header, data } of await unpackTar(archive))
      if (header.type === "file") files.set(`/${header.name}`, Buffer.from(data ?? []));
    const turned = new Map<string, Turn>();
    const sites = JSON.parse(files.get(sitesFile)?.toString("utf8") ?? "[]") as Site[];
    for (const site of sites) {
      const folder = `${turnFolder(site)}/`;
      const names = [...files.keys()].filter((name) => name.startsWith(folder)).sort();
      const turn = turnFrom(names[0]?.slice(folder.length) ?? "");
      if (turn) turned.set(site.id, turn);
      if (names.length > 1) lines.push(`file beside ${names[0]}`);
    }
    // What a site is turned to is told by what it serves; how many configurations it had may differ.
    for (const name of files.keys()) if (!name.startsWith(`${turnedFolder}/`)) lines.push(`file ${name}`);
    for (const site of servedSites({ sites, turned })) {
      const upstreams = site.upstreams.map(({ name }) => releaseOf(name)).join(", ");
      lines.push(`site ${site.id} of ${part(site.release)} served by ${upstreams}`);
    }
  }
  return lines.sort();
}

/** What one state has and the other has not. */
export function differencesOf(found: readonly string[], wanted: readonly string[]): string[] {
  const left = [...wanted];
  const more = found.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...more.map((line) => `there is ${line}`), ...left.map((line) => `there is no ${line}`)];
}

/** Inspected one by one: an engine's list goes by what it could write down last, and its disk may have been full then. */
async function inspected(socket: string): Promise<Container[]> {
  const list = await readEngine<{ Id: string }[]>(socket, "/containers/json?all=1");
  const found = await Promise.all(list.map(({ Id }) => readEngine<Container | null>(socket, `/containers/${Id}/json`)));
  return found.filter((container) => container !== null);
}
