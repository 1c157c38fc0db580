import fc from "fast-check";
import { expect, it } from "vitest";
import { flatten } from "../../src/base/flatten.ts";

it("tells a document by its leaves", () => {
  const document = {
    app: { port: 8080, health: false, env: {}, command: ["node", "server.js"], none: undefined },
    checks: [{ name: "home", path: "/" }, { name: "db" }],
    rules: [{ path: "a" }, { path: "b" }],
  };
  expect(Object.fromEntries(flatten(document))).toEqual({
    "app.port": "8080",
    "app.health": "false",
    "app.command": "node, server.js",
    "checks.home.name": "home",
    "checks.home.path": "/",
    "checks.db.name": "db",
    rules: '{"path":"a"}, {"path":"b"}',
  });
});

it("loses no leaf of any map", () => {
  const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.string());
  const maps = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), leaf));
  fc.assert(
    fc.property(maps, (document) => {
      const count = Object.values(document).reduce((sum, inner) => sum + Object.keys(inner).length, 0);
      expect(flatten(document).size).toBe(count);
    }),
  );
});
