import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { roleOf, workloadOf } from "../plan/observed.ts";
import { stageLabels } from "../rollout/observe.ts";
import { AppContainer } from "./app-container.ts";
import type { DevListener } from "./dev-event.ts";
import { StageLogs } from "./stage-logs.ts";
import { compareLooks, containerEvent, lookAt } from "./stage-view.ts";
import { watchContainers } from "./watch-containers.ts";

export interface StageContainersOptions {
  readonly engines: readonly Engine[];
  readonly place: { readonly environment: string; readonly stage: string };
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly listener: DevListener;
  /** Takes secrets out of what containers print. */
  readonly redact: (text: string) => string;
  /** True while a deployment is under way: containers that come and go then are its doing. */
  readonly deploying: () => boolean;
  /** Something is other than it was. */
  readonly onChange: () => void;
}

/** The stage's containers on all its hosts, as events and looks tell of them. */
export class StageContainers {
  readonly apps = new Map<string, AppContainer>();
  readonly #options: StageContainersOptions;
  readonly #logs: StageLogs;
  readonly #seen = new Map<Engine, ReadonlyMap<string, ObservedContainer>>();
  readonly #away = new Set<Engine>();
  readonly #looking = new Map<Engine, { again: boolean; done: Promise<void> }>();
  readonly #watches: Promise<void>[] = [];

  constructor(options: StageContainersOptions) {
    this.#options = options;
    this.#logs = new StageLogs(options.signal, ({ engine, container }, line) =>
      options.listener({
        type: "log",
        workload: workloadOf(container),
        host: engine.name,
        container: container.name,
        stream: line.stream,
        text: options.redact(line.text),
        timestamp: line.timestamp,
      }),
    );
  }

  /** False while an engine does not answer. */
  get reachable(): boolean {
    return this.#away.size === 0;
  }

  /** Resolves after the first look at each engine; listens from then on. */
  async start(): Promise<void> {
    const { engines, place, clock, signal, listener } = this.#options;
    await Promise.all(engines.map((engine) => this.look(engine)));
    for (const engine of engines) {
      const away = (reachable: boolean, text: string) => {
        if (reachable) this.#away.delete(engine);
        else this.#away.add(engine);
        listener({ type: "engine", host: engine.name, reachable, text });
        this.#options.onChange();
      };
      this.#watches.push(
        watchContainers({
          engine,
          labels: stageLabels(place.environment, place.stage),
          clock,
          signal,
          onNews: () => void this.look(engine),
          onLost: (error) => away(false, messageOf(error)),
          onBack: () => away(true, "answers again"),
        }),
      );
    }
  }

  async lookAtAll(): Promise<void> {
    await Promise.all(this.#options.engines.map((engine) => this.look(engine)));
  }

  /** One look at a time; what happens during one makes one more. */
  look(engine: Engine): Promise<void> {
    const under = this.#looking.get(engine);
    if (under) {
      under.again = true;
      return under.done;
    }
    const looking = { again: false, done: Promise.resolve() };
    looking.done = (async () => {
      do {
        looking.again = false;
        await this.#look(engine);
      } while (looking.again && !this.#options.signal.aborted);
      this.#looking.delete(engine);
      this.#options.onChange();
    })();
    this.#looking.set(engine, looking);
    return looking.done;
  }

  async close(): Promise<void> {
    await Promise.all([...this.apps.values()].map((app) => app.close()));
    await Promise.all(this.#watches);
  }

  async #look(engine: Engine): Promise<void> {
    const { place, signal, deploying } = this.#options;
    const restartsBefore = new Map([...this.apps].map(([id, { restarts }]) => [id, restarts.ended]));
    let now: readonly ObservedContainer[];
    try {
      now = await lookAt(engine, place, this.#seen.get(engine), signal);
    } catch {
      // That it does not answer is noticed by who listens to its events, who also sees when it is back.
      return;
    }
    const before = this.#seen.get(engine);
    this.#seen.set(engine, new Map(now.map((container) => [container.id, container])));
    const changes = compareLooks(engine, before ?? new Map(), now);
    // What we started ourselves has been looked at since.
    const ownStarts = new Set(
      now.flatMap(({ id, startedAt }) => {
        const isOwn = this.apps.get(id)?.observed.startedAt?.getTime() === startedAt?.getTime();
        return isOwn && before?.get(id)?.state !== "paused" ? [id] : [];
      }),
    );
    for (const container of now) this.#take(engine, container, before !== undefined && deploying());
    for (const change of changes) {
      const { container } = change.from;
      const app = this.apps.get(container.id);
      if (change.change === "started" || change.change === "again")
        this.#logs.follow(change.from, before !== undefined && change.isNew);
      if (change.change === "gone") {
        this.apps.delete(container.id);
        this.#logs.forget(container.id);
      }
      // Of one that is paused, the process that writes there waits with it.
      if (change.change === "ended" && container.state !== "paused") app?.closed();
      const restarted = app !== undefined && app.restarts.begun > (restartsBefore.get(container.id) ?? 0);
      // Deployments and our own restarts tell of themselves.
      const expected = before === undefined || change.isNew || deploying() || restarted;
      if (change.change === "started" && ownStarts.has(container.id)) continue;
      if (!expected) this.#options.listener(await containerEvent(change, this.#options.redact));
    }
  }

  #take(engine: Engine, container: ObservedContainer, fresh: boolean): void {
    if (roleOf(container) === "service") return;
    const known = this.apps.get(container.id);
    if (known) known.observed = container;
    else this.apps.set(container.id, new AppContainer(engine, container, fresh));
  }
}
