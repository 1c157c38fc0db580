import fc from "fast-check";
import { expect, it } from "vitest";
import { planStage } from "../../src/plan/plan-stage.ts";
import { batches } from "../../src/rollout/batches.ts";
import { HostProgress } from "../../src/rollout/host-progress.ts";
import { emptyHost, environment, release, stage } from "../plan/world.ts";

it("batches keep the order, leave nobody out, and are as large as both limits allow", () => {
  const place = stage();
  const wanted = { environment: environment([place]), stage: place, release: release("one"), pins: {}, secrets: {} };
  const [plan] = planStage(wanted, [emptyHost("a")]).hosts;
  const limits = fc.record({ batch: fc.integer({ min: 1, max: 5 }), maxUnavailable: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 12 }), limits, (gaps, rollout) => {
      const hosts = gaps.map((gap, index) => new HostProgress({ ...plan!, host: `h${index}`, gap }));
      const list = batches(hosts, rollout);
      expect(list.flat()).toEqual(hosts);
      const away = (batch: readonly HostProgress[]) => batch.filter((host) => host.plan.gap).length;
      for (const [index, batch] of list.entries()) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(rollout.batch);
        expect(away(batch)).toBeLessThanOrEqual(rollout.maxUnavailable);
        const [next] = list[index + 1] ?? [];
        if (!next) continue;
        expect(batch.length === rollout.batch || away([...batch, next]) > rollout.maxUnavailable).toBe(true);
      }
    }),
  );
});
