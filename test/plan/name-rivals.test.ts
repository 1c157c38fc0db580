import { describe, expect, it } from "vitest";
import { nameRivals } from "../../src/plan/name-rivals.ts";

const named = (environment: string, stage: string) => ({
  labels: { "envctl.environment": environment, "envctl.stage": stage },
});

describe("stages that get the same names on a host", () => {
  const place = { environment: "shop-eu", stage: "prod" };

  it("are those whose environment and stage are the same once they are joined", () => {
    const found = [named("shop", "eu-prod"), named("shop-eu", "prod"), named("shop", "prod"), named("shop-eu", "dev")];
    expect(nameRivals(place, found)).toEqual([{ environment: "shop", stage: "eu-prod" }]);
  });

  it("are named once, and what nobody labelled is nobody's", () => {
    const found = [named("shop", "eu-prod"), { labels: {} }, named("shop", "eu-prod")];
    expect(nameRivals(place, found)).toEqual([{ environment: "shop", stage: "eu-prod" }]);
    expect(nameRivals(place, [{ labels: {} }])).toEqual([]);
  });
});
