import { expect, it } from "vitest";
import type { Engine, ObservedContainer } from "../../src/engine/engine.ts";
import { keepStopped } from "../../src/promotion/keep-stopped.ts";
import { emptyHost } from "../plan/world.ts";

const ran = { startedAt: new Date(1), stopGrace: 1000 };
const container = (id: string, rest: Partial<ObservedContainer>) => ({ ...ran, id, ...rest }) as ObservedContainer;

it("what an envctl that was killed had stopped does not come back with its engine, and nothing else is touched", async () => {
  const stopped: string[] = [];
  const engine = (name: string): Engine => {
    const stopContainer = async (id: string) => void stopped.push(`${name} ${id}`);
    return { name, stopContainer } as unknown as Engine;
  };
  const containers = [
    container("serves", { state: "running", comesBack: true }),
    container("is started again", { state: "restarting", comesBack: true }),
    container("was stopped", { state: "exited", comesBack: false }),
    container("never ran", { state: "created", comesBack: true, startedAt: undefined }),
    container("was left", { state: "exited", comesBack: true }),
  ];
  const hosts = [{ ...emptyHost("b"), containers }, emptyHost("c")];
  await keepStopped([engine("a"), engine("b"), engine("c")], hosts, new AbortController().signal);
  expect(stopped).toEqual(["b was left"]);
});
