import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Action, type ContainerState, decide, type LoopState } from "../../src/dev/decide.ts";

const serving: ContainerState = {
  id: "a",
  running: true,
  crashed: false,
  ours: true,
  files: "open",
  busy: false,
  version: 3,
};

const idle: LoopState = {
  version: 3,
  wanted: "key",
  runs: "key",
  deploying: undefined,
  failed: undefined,
  asked: false,
  reachable: true,
  containers: [serving],
};

const kinds = (state: Partial<LoopState>): string[] => decide({ ...idle, ...state }).map(({ kind }) => kind);

describe("what the dev loop does next", () => {
  it("does nothing where all is as it should be", () => {
    expect(kinds({})).toEqual([]);
  });

  it("deploys where nothing is known to run, where a build is wanted, where somebody asks, where another release runs", () => {
    expect(kinds({ runs: undefined, containers: [] })).toEqual(["deploy"]);
    expect(kinds({ wanted: "other" })).toEqual(["deploy"]);
    expect(decide({ ...idle, asked: true })).toEqual([{ kind: "deploy", force: true }]);
    expect(kinds({ containers: [{ ...serving, ours: false }] })).toEqual(["deploy"]);
  });

  it("syncs into what serves also while a build is under way, and cancels what is no longer wanted", () => {
    const deploying = { key: "other", cancelled: false };
    expect(kinds({ wanted: "other", deploying, version: 4 })).toEqual(["sync"]);
    expect(kinds({ wanted: "third", deploying, version: 4 })).toEqual(["cancel", "sync"]);
    expect(kinds({ wanted: "third", deploying: { ...deploying, cancelled: true } })).toEqual([]);
    // Changed and changed back: nothing is to be built any more.
    expect(kinds({ deploying })).toEqual(["cancel"]);
  });

  it("does not repeat a build that failed until what it reads is other than it was", () => {
    const failed = { key: "other", version: 3, retry: "inputs" } as const;
    expect(kinds({ wanted: "other", failed })).toEqual([]);
    expect(kinds({ wanted: "other", failed, version: 4 })).toEqual(["sync"]);
    expect(kinds({ wanted: "third", failed })).toEqual(["deploy"]);
    expect(kinds({ wanted: "other", failed, asked: true })).toEqual(["deploy"]);
  });

  it("tries a release that did not become healthy again with any change", () => {
    const failed = { key: "other", version: 3, retry: "anything" } as const;
    expect(kinds({ wanted: "other", failed })).toEqual([]);
    expect(kinds({ wanted: "other", failed, version: 4 })).toEqual(["deploy", "sync"]);
  });

  it("opens what is closed, revives what crashed as soon as there is a change for it, and leaves what is busy alone", () => {
    expect(kinds({ containers: [{ ...serving, files: "closed" }] })).toEqual(["open"]);
    expect(kinds({ containers: [{ ...serving, files: "opening" }], version: 4 })).toEqual([]);
    const crashed = { ...serving, running: false, crashed: true, files: "closed" } as const;
    expect(kinds({ containers: [crashed] })).toEqual([]);
    expect(kinds({ containers: [crashed], version: 4 })).toEqual(["revive"]);
    expect(kinds({ containers: [{ ...serving, busy: true }], version: 4 })).toEqual([]);
    expect(kinds({ containers: [{ ...serving, files: "impossible" }], version: 4 })).toEqual([]);
    expect(kinds({ containers: [{ ...crashed, files: "impossible" }], version: 4 })).toEqual([]);
  });

  it("waits for an engine that does not answer", () => {
    expect(kinds({ reachable: false, wanted: "other", version: 4 })).toEqual([]);
  });
});

/** A world that does what is decided, so that each action is seen to lead somewhere. */
function perform(state: LoopState, action: Action): LoopState {
  const change = (id: string, change: Partial<ContainerState>): LoopState => ({
    ...state,
    containers: state.containers.map((one) => (one.id === id ? { ...one, ...change } : one)),
  });
  switch (action.kind) {
    case "deploy":
      return { ...state, asked: false, deploying: { key: state.wanted, cancelled: false } };
    case "cancel":
      return { ...state, deploying: undefined };
    case "open":
      return change(action.container, { files: "open", version: 0 });
    case "sync":
      return change(action.container, { version: state.version });
    case "revive":
      return change(action.container, { running: true, crashed: false, files: "closed", version: state.version });
  }
}

/** The deployment under way ends well. */
function deployed(state: LoopState): LoopState {
  if (!state.deploying) return state;
  const containers = [{ ...serving, id: "new", files: "closed", version: -1 } as const];
  return { ...state, deploying: undefined, runs: state.deploying.key, failed: undefined, containers };
}

const container: fc.Arbitrary<ContainerState> = fc.record({
  id: fc.constantFrom("a", "b"),
  running: fc.boolean(),
  crashed: fc.boolean(),
  ours: fc.boolean(),
  files: fc.constantFrom("closed", "open"),
  busy: fc.constant(false),
  version: fc.integer({ min: -1, max: 5 }),
});
const key = fc.constantFrom("x", "y", "z");
const states: fc.Arbitrary<LoopState> = fc.record({
  version: fc.integer({ min: 5, max: 7 }),
  wanted: key,
  runs: fc.option(key, { nil: undefined }),
  deploying: fc.option(fc.record({ key, cancelled: fc.constant(false) }), { nil: undefined }),
  failed: fc.constant(undefined),
  asked: fc.boolean(),
  reachable: fc.constant(true),
  containers: fc.uniqueArray(container, { selector: ({ id }) => id, maxLength: 2 }),
});

describe("from any state", () => {
  it("the loop comes to rest, with what is wanted running and every container that runs it up to date", () => {
    fc.assert(
      fc.property(states, (start) => {
        let state = start;
        for (let step = 0; step < 30; step += 1) {
          const [action] = decide(state);
          if (action) state = perform(state, action);
          else if (state.deploying) state = deployed(state);
          else break;
        }
        expect(decide(state)).toEqual([]);
        expect(state.runs).toBe(state.wanted);
        for (const one of state.containers) {
          if (one.running && one.ours) expect(one.version).toBe(state.version);
        }
      }),
    );
  });
});
