import { isDigest, shortDigest } from "../base/digest.ts";
import { Label, type ObservedContainer } from "../engine/engine.ts";
import { maskValue } from "../environment/mask.ts";
import type { Stage } from "../environment/model.ts";
import type { DesiredContainer } from "./desired.ts";
import { type DesiredIdentity, type Difference, differences } from "./drift.ts";
import { homeOf } from "./home.ts";
import { containersOf, isRunning, newestRelease, type ObservedHost, roleOf, workloadOf } from "./observed.ts";
import { servingApp } from "./serving.ts";

interface Wish {
  readonly place: { readonly environment: string; readonly stage: string };
  readonly stage: Stage;
  /** The containers of each workload. */
  readonly workloads: readonly (readonly DesiredContainer[])[];
  readonly identity: DesiredIdentity;
  /** True for a rollback: what comes back has the configuration that it had then, which nobody compares. */
  readonly asItRanThen: boolean;
}

/** What becomes different on one host, in words: `app: release 2309d00 → 7917d26`, `app: env LEVEL info → debug`. Of what is new there, the steps tell. */
export function changesOf(host: ObservedHost, wish: Wish): string[] {
  const { workloads, identity, asItRanThen } = wish;
  const lines = workloads.flatMap((desired) => {
    const [first] = desired;
    if (!first) return [];
    const { name } = first.workload;
    const found =
      first.role === "app" ? servingApp(host, wish.place) : containersOf(host, first.role, name).filter(isRunning);
    const serving = newestRelease(found);
    const [newest] = serving;
    if (!newest) return [];
    const image = host.images.get(newest.imageId);
    const told = differences(first, newest, image, identity)
      .filter(({ what }) => isTold(what) && (!asItRanThen || what === "image"))
      .map((difference) => `${name}: ${inWords(first, newest, difference)}`);
    const replicas =
      serving.length === desired.length ? [] : [`${name}: replicas ${serving.length} → ${desired.length}`];
    return [...told, ...replicas];
  });
  return [...lines, ...leaving(host, wish)];
}

/** Both follow from the release, which is told itself. */
function isTold(what: string): boolean {
  return what !== "env ENVCTL_RELEASE" && what !== "env ENVCTL_DIGEST";
}

function inWords(desired: DesiredContainer, found: ObservedContainer, { what, ...values }: Difference): string {
  if (what === "image" && desired.role !== "service") {
    return `release ${found.labels[Label.release] ?? "unknown"} → ${desired.spec.labels[Label.release]}`;
  }
  if (what === "configuration") return "health check, stop signal or grace";
  const name = /^env (.+)$/.exec(what)?.[1];
  const show = (value: string) => {
    if (isDigest(value)) return shortDigest(value);
    return name === undefined || value === "unset" ? value : maskValue(name, value);
  };
  return `${what} ${show(values.found)} → ${show(values.wanted)}`;
}

function leaving(host: ObservedHost, { stage, workloads }: Wish): string[] {
  const staying = new Set(workloads.flatMap(([first]) => (first ? [`${first.role} ${first.workload.name}`] : [])));
  const running = host.containers.filter((container) => isRunning(container) && isWorkload(roleOf(container)));
  const lines = running
    .filter((container) => !staying.has(`${roleOf(container)} ${workloadOf(container)}`))
    .map((container) => {
      const home = homeOf(stage, container);
      const why = home === undefined ? "the environment file no longer has it" : `it runs on ${home} alone`;
      return `${workloadOf(container)}: ends, ${why}`;
    });
  return [...new Set(lines)];
}

function isWorkload(role: string): boolean {
  return role === "app" || role === "worker" || role === "service";
}
