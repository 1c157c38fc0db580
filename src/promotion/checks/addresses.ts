import { portIn } from "../../plan/endpoint.ts";
import { type Dial, LocalForward } from "../../rollout/local-forward.ts";
import { dialContainer } from "../../rollout/probe.ts";
import type { CheckedStage } from "./check.ts";
import { dialPublished } from "./http-check.ts";

/** Where a stage is to be found from this machine. */
export interface Addresses {
  /**
   * Where clients find it: by its first domain, or at the first port that it publishes; else the first of `urls`. Undefined
   * where nothing of it listens.
   */
  readonly url: string | undefined;
  /** Of each container of the app that serves, its own port. */
  readonly urls: readonly string[];
  /** Ports of this machine that were opened for it lead nowhere any more. */
  readonly close: () => Promise<void>;
}

/** Opens a port of this machine for whatever is reached only through the connection to its host. */
export async function openAddresses({ stage, engines, running }: CheckedStage): Promise<Addresses> {
  const forwards: LocalForward[] = [];
  const forward = async (dial: Dial) => {
    const opened = await LocalForward.open(0, dial);
    forwards.push(opened);
    return `http://127.0.0.1:${opened.port}`;
  };
  const close = async () => {
    await Promise.all(forwards.map((opened) => opened.close()));
  };
  try {
    const { port } = stage.app;
    const urls: string[] = [];
    for (const { engine, container } of port === undefined ? [] : running) {
      const own = portIn(container, stage.app, port ?? 0);
      urls.push(await forward((signal) => dialContainer(engine, container, own, signal)));
    }
    const [engine] = engines;
    const published = stage.ports.find(({ protocol, containerPort }) => protocol === "tcp" && containerPort === port);
    const entrance =
      engine && published ? await forward((signal) => dialPublished(engine, published, signal)) : undefined;
    const prefix = stage.proxy ? prefixOf(stage.proxy) : "";
    return { url: domainUrl(stage) ?? (entrance && `${entrance}${prefix}`) ?? urls[0], urls, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The path of `proxy.path` is a part of it; a wildcard names nothing that could be asked. */
function domainUrl({ proxy }: CheckedStage["stage"]): string | undefined {
  const domain = proxy?.domains.find((name) => !name.startsWith("*"));
  if (!proxy || domain === undefined) return undefined;
  const secure = proxy.tls.kind !== "off";
  const port = secure ? proxy.httpsPort : proxy.httpPort;
  const shown = port === (secure ? 443 : 80) ? "" : `:${port}`;
  return `${secure ? "https" : "http"}://${domain}${shown}${prefixOf(proxy)}`;
}

/** What clients put before a path of the app; without a slash at its end. */
function prefixOf({ path }: { readonly path: string }): string {
  return path.replace(/\/+$/, "");
}
