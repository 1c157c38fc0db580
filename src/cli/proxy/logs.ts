import { formatDuration } from "../../base/duration.ts";
import { siteId } from "../../plan/naming.ts";
import { requireStageProxies } from "../../promotion/stage-proxies.ts";
import { type ProxyLine, readProxyLogs } from "../../rollout/proxy-logs.ts";
import { chooseHosts } from "../choose.ts";
import { readCount } from "../read-count.ts";
import { readSince } from "../read-since.ts";
import { type Context, type OptionValues, type Outcome, text } from "../verb.ts";
import { clean } from "../view/clean.ts";
import { withStage } from "../workspace.ts";

export async function proxyLogs(context: Context, name: string, options: OptionValues): Promise<Outcome> {
  const tail = readCount("--tail", text(options, "tail"), 0);
  const since = readSince(text(options, "since"), context.clock.now());
  return await withStage(context, name, async (workspace, stage) => {
    const engines = await chooseHosts(workspace, stage, text(options, "host"));
    const hosts = stage.hosts.filter((host) => engines.some((engine) => engine.name === host.name));
    const proxies = await requireStageProxies(workspace, { ...stage, hosts });
    const follow = options.follow === true;
    const whole = options.timestamps === true;
    const lines: unknown[] = [];
    await readProxyLogs(
      proxies,
      {
        follow,
        tail,
        since,
        timestamps: true,
        signal: workspace.signal,
        id: siteId({ environment: workspace.environment.name, stage: stage.name }),
        all: options.all === true,
      },
      (line) => {
        if (!context.options.json) context.write(`${render(line, context, whole)}\n`);
        // A stream that may never end is one document a line; a finite one is one document.
        else if (follow) context.write(`${JSON.stringify(documentOf(line))}\n`);
        else lines.push(documentOf(line));
      },
    );
    return { json: follow ? undefined : { verb: "proxy", action: "logs", stage: stage.name, lines }, text: "" };
  });
}

function documentOf({ host, proxy, line, access }: ProxyLine) {
  const { stream, timestamp } = line;
  return { host, proxy, stream, timestamp: timestamp ?? null, text: line.text, access: access ?? null };
}

/** `14:03:07  ssh://prod1  200  12ms  shop-prod-app-3f2c1ab-4  GET shop.example.com/cart` */
function render({ host, line, access }: ProxyLine, { paint }: Pick<Context, "paint">, whole: boolean): string {
  const { timestamp = "" } = line;
  const time = paint("dim", whole ? timestamp : timestamp.slice("2026-01-31T".length, "2026-01-31T09:00:00".length));
  if (!access) return `${time}  ${paint("cyan", host)}  ${paint("yellow", clean(line.text))}`;
  const style = access.status >= 500 ? "red" : access.status >= 400 ? "yellow" : "green";
  return [
    time,
    paint("cyan", host),
    paint(style, String(access.status)),
    formatDuration(access.duration).padStart(6),
    clean(access.upstream ?? "(the proxy)"),
    ...(access.request === undefined ? [] : [clean(access.request)]),
  ].join("  ");
}
