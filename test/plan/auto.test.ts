import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { decideBuild, decidePromotion, type PastChange } from "../../src/plan/auto.ts";

const changeOf = (name: string, succeeded = true): PastChange => ({ digest: digestOf(name), commit: name, succeeded });
const candidate = { name: "b", digest: digestOf("b") };
const change = fc.record({ name: fc.constantFrom("a", "b", "c"), succeeded: fc.boolean() });

describe("what a promoter does by itself", () => {
  it("brings what a stage has never had", () => {
    expect(decidePromotion(candidate, [])).toEqual({ act: true });
    expect(decidePromotion(candidate, [changeOf("a")])).toEqual({ act: true });
    expect(decideBuild("b", [changeOf("a")])).toEqual({ act: true });
  });

  it("tries again what failed and was never there: whether it just failed, the promoter itself knows", () => {
    expect(decidePromotion(candidate, [changeOf("b", false), changeOf("a")])).toEqual({ act: true });
  });

  it("leaves alone what is there", () => {
    expect(decidePromotion(candidate, [changeOf("b"), changeOf("a")])).toMatchObject({ act: false, state: "done" });
  });

  it("never brings back what somebody took back, whatever came after", () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const later = changes.map(({ name, succeeded }) => changeOf(name, succeeded));
        const decision = decidePromotion(candidate, [...later, changeOf("b"), changeOf("a")]);
        expect(decision.act).toBe(false);
        const hasIt = later[0] === undefined || (later[0].succeeded && later[0].digest === candidate.digest);
        expect(decision).toMatchObject({ state: hasIt ? "done" : "held" });
      }),
    );
  });

  it("tries a stage that was taken down no more than a person asks for", () => {
    const down: PastChange = { digest: undefined, commit: undefined, succeeded: true };
    expect(decidePromotion(candidate, [down, changeOf("b")])).toMatchObject({ act: false, state: "held" });
  });
});
