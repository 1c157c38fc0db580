import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containerName, upstreamName } from "../../src/plan/naming.ts";

const word = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/);
const container = fc
  .record({ environment: word, stage: word, version: fc.stringMatching(/^[0-9a-f]{7}(?:-dirty-[0-9a-f]{4})?$/) })
  .chain((parts) =>
    fc.record({ ...constants(parts), generation: fc.integer({ min: 1, max: 99_999 }), replica: fc.nat(50) }),
  )
  .map(({ version, generation, replica, ...place }) =>
    containerName({ ...place, workload: "app" }, version, generation, replica === 0 ? undefined : replica),
  );

function constants<Value extends Record<string, string>>(value: Value) {
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, fc.constant(text)])) as {
    [Key in keyof Value]: fc.Arbitrary<string>;
  };
}

describe("the name by which a proxy finds a container", () => {
  it("is a label of DNS, and the container's own name where that is one", () => {
    fc.assert(
      fc.property(container, (name) => {
        const upstream = upstreamName(name);
        expect(upstream.length).toBeLessThanOrEqual(63);
        expect(upstream).toMatch(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);
        if (name.length <= 63) expect(upstream).toBe(name);
      }),
    );
  });

  it("is another for each container, also where only the ends of long names differ", () => {
    fc.assert(
      fc.property(fc.uniqueArray(container, { minLength: 2, maxLength: 20 }), (names) => {
        const all = names.flatMap((name) => [name, `${name}0`, `${name}1`]);
        expect(new Set(all.map(upstreamName)).size).toBe(new Set(all).size);
      }),
    );
  });
});
