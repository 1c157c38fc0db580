import { expect, it } from "vitest";
import type { Engine, ObservedContainer } from "../../src/engine/engine.ts";
import { distinctEngines } from "../../src/promotion/distinct-engines.ts";

function found(name: string, ...ids: readonly string[]) {
  return { engine: { name } as Engine, containers: ids.map((id) => ({ id }) as ObservedContainer) };
}

it("takes an engine that is written in two ways for one, with both names", () => {
  const engines = distinctEngines([
    found("unix:///run/docker.sock", "1", "2"),
    found("ssh://web"),
    found("local", "2", "1"),
  ]);
  expect(engines.map(({ names }) => names)).toEqual([["unix:///run/docker.sock", "local"], ["ssh://web"]]);
});

it("keeps those apart that have nothing in common", () => {
  expect(distinctEngines([found("a", "1"), found("b", "2"), found("c"), found("d")])).toHaveLength(4);
});
