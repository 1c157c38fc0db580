import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { formatDuration } from "../../base/duration.ts";
import { messageOf } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PortBinding, ProxyTls, StageProxy } from "../../environment/model.ts";
import type { CheckFrame, HttpCheck } from "../../environment/verification.ts";
import { portIn } from "../../plan/endpoint.ts";
import { type Answer, judgeAnswer } from "../../plan/judge-answer.ts";
import { dialContainer } from "../../rollout/probe.ts";
import { ask } from "./ask.ts";
import type { Attempt, CheckedStage, Finding, Wrong } from "./check.ts";
import { HostAway, requireReach } from "./require-reach.ts";
import { secure } from "./secure.ts";
import { overdue } from "./try-check.ts";

/** One request of a check. */
interface Way {
  readonly engine: Engine;
  /** `http://shop.example.com/ on ssh://a`. */
  readonly where: string;
  readonly path: string;
  /** What the request's `Host` says. */
  readonly host: string;
  readonly tls: { readonly domain: string; readonly kind: ProxyTls } | undefined;
  readonly dial: (signal: AbortSignal) => Promise<Duplex>;
}

/** Asks by every way by which clients reach the app, all at once; each answer must be as it is wanted. */
export async function checkHttp(
  check: HttpCheck & CheckFrame,
  checked: CheckedStage,
  attempt: Attempt,
): Promise<Finding> {
  const { target } = check;
  if (target.kind === "url") {
    const { url } = target;
    return { wrong: await judged(check, url, attempt, () => ask(check, { url }, attempt.signal)) };
  }
  const ways = target.kind === "proxy" ? proxyWays(target.path, checked) : containerWays(target, checked);
  const found = await Promise.all(
    ways.map((way) => judged(check, way.where, attempt, () => askBy(check, way, attempt.signal))),
  );
  return { wrong: found.flat() };
}

async function askBy(check: HttpCheck, { engine, path, host, tls, dial }: Way, signal: AbortSignal): Promise<Answer> {
  const dialled = await requireReach(engine, dial(signal), signal);
  // Whoever reads from it hears of its errors; once nobody does, they are no news.
  dialled.on("error", () => {});
  try {
    const socket = tls ? await secure(dialled, tls.domain, tls.kind, signal) : dialled;
    return await ask(check, { socket, path, host }, signal);
  } finally {
    dialled.destroy();
  }
}

/** Whoever does not answer is told by name: of a whole check whose time is over nobody would know. */
async function judged(
  check: HttpCheck & CheckFrame,
  where: string,
  { note, signal }: Attempt,
  asking: () => Promise<Answer>,
): Promise<Wrong[]> {
  try {
    const answer = await asking();
    note(`${check.method} ${where}: ${answer.status}, ${formatDuration(answer.took)}`);
    return judgeAnswer(check, answer).map((what) => ({ where, what }));
  } catch (error) {
    if (error instanceof HostAway) throw error.error;
    return [{ where, what: signal.aborted ? overdue(check) : `does not answer: ${messageOf(error)}` }];
  }
}

function containerWays(
  { path, port }: Extract<HttpCheck["target"], { kind: "containers" }>,
  { running, stage }: CheckedStage,
): Way[] {
  return running.map(({ engine, container }) => ({
    engine,
    where: `${container.name} on ${engine.name}`,
    path,
    host: "localhost",
    tls: undefined,
    dial: async (signal) => {
      const socket = await dialContainer(engine, container, portIn(container, stage.app, port), signal);
      if (socket) return socket;
      throw new Error(`port ${port} cannot be reached through this host's connection; publish it under \`ports\``);
    },
  }));
}

/** On every host: each domain of the shared proxy, and each port that the stage's own publishes. */
function proxyWays(path: string, { stage, engines }: CheckedStage): Way[] {
  const { proxy } = stage;
  if (!proxy) throw new RangeError(`stage ${stage.name} has no proxy`);
  return engines.flatMap((engine) => [
    ...proxy.domains.map((domain) => domainWay(path, proxy, domain, engine)),
    ...proxy.ports.map(
      (binding): Way => ({
        engine,
        where: `port ${binding.hostPort} of ${engine.name}`,
        path,
        host: `localhost:${binding.hostPort}`,
        tls: undefined,
        dial: (signal) => dialPublished(engine, binding, signal),
      }),
    ),
  ]);
}

function domainWay(path: string, proxy: StageProxy, domain: string, engine: Engine): Way {
  const { tls, httpPort, httpsPort } = proxy;
  const name = domain.replace(/^\*/, "envctl-verify");
  const scheme = tls.kind === "off" ? "http" : "https";
  const port = tls.kind === "off" ? httpPort : httpsPort;
  const host = port === (tls.kind === "off" ? 80 : 443) ? name : `${name}:${port}`;
  return {
    engine,
    where: `${scheme}://${host}${path} on ${engine.name}`,
    path,
    host,
    tls: tls.kind === "off" ? undefined : { domain: name, kind: tls },
    dial: (signal) => dialPublished(engine, { address: undefined, hostPort: port }, signal),
  };
}

/** As a client on the host itself would connect; where there is no way to the host's own loopback, from here. */
export async function dialPublished(
  engine: Engine,
  { address, hostPort }: Pick<PortBinding, "address" | "hostPort">,
  signal: AbortSignal,
): Promise<Duplex> {
  const anywhere = address === undefined || address === "0.0.0.0" || address === "::";
  const dialled = await engine.dial(anywhere ? "127.0.0.1" : address, hostPort, signal);
  return dialled ?? connect({ host: await engine.publishedAddress(), port: hostPort });
}
