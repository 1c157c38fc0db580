import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import { type Answer, type Expected, judgeAnswer } from "../../src/plan/judge-answer.ts";

const answer: Answer = {
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8" },
  body: "Hi Ada",
  took: 80,
};
const expected: Expected = { status: [{ from: 200, to: 299 }], expectHeaders: {}, body: undefined, within: undefined };

describe("an answer", () => {
  it("passes where all is as it is wanted", () => {
    const all: Expected = {
      status: [
        { from: 404, to: 404 },
        { from: 200, to: 299 },
      ],
      expectHeaders: { "content-type": { text: "text/html", expression: undefined } },
      body: { text: "/^hi \\w+$/i", expression: /^hi \w+$/i },
      within: 80 as Duration,
    };
    expect(judgeAnswer(all, answer)).toEqual([]);
  });

  it.each<[Partial<Expected>, Partial<Answer>, string]>([
    [{}, { status: 503 }, "answered 503, expected 2xx"],
    [
      {
        status: [
          { from: 204, to: 204 },
          { from: 300, to: 399 },
        ],
      },
      {},
      "answered 200, expected 204 or 3xx",
    ],
    [{ expectHeaders: { etag: { text: "x", expression: undefined } } }, {}, 'has no header etag, expected "x" in it'],
    [
      { expectHeaders: { "content-type": { text: "/json$/", expression: /json$/ } } },
      {},
      "has the header content-type: text/html; charset=utf-8, expected a match of /json$/",
    ],
    [{ body: { text: "Bob", expression: undefined } }, {}, 'has the body "Hi Ada", expected "Bob" in it'],
    [{ body: { text: "Bob", expression: undefined } }, { body: " " }, 'has an empty body, expected "Bob" in it'],
    [{ within: 50 as Duration }, {}, "took 80ms, expected at most 50ms"],
  ])("that is otherwise is told: got, and expected (%#)", (wanted, got, words) => {
    expect(judgeAnswer({ ...expected, ...wanted }, { ...answer, ...got })).toEqual([words]);
  });

  it("is told all that is wrong with it, and not the whole of a long body", () => {
    const wanted = { ...expected, body: { text: "Bob", expression: undefined } };
    const [status, body] = judgeAnswer(wanted, { ...answer, status: 500, body: "x".repeat(5000) });
    expect(status).toMatch(/^answered 500/);
    expect(body?.length).toBeLessThan(200);
  });
});
