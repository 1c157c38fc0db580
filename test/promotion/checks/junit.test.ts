import { describe, expect, it } from "vitest";
import { JunitError, summariseJunit } from "../../../src/promotion/checks/junit.ts";

const summary = (...texts: string[]) => summariseJunit(texts.map((text, index) => ({ path: `${index}.xml`, text })));

describe("JUnit reports", () => {
  it("are counted over all suites and files, whichever tool wrote them", async () => {
    const jest = `<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="jest" tests="3" failures="1" errors="0">
        <testsuite name="cart" tests="3" failures="1" errors="0" skipped="1">
          <testcase classname="cart adds" name="cart adds" time="0.1"/>
          <testcase classname="cart" name="removes"><failure message="expected 1 &lt; 0">at x</failure></testcase>
          <testcase classname="cart" name="later"><skipped/></testcase>
        </testsuite>
      </testsuites>`;
    const surefire = `\uFEFF<testsuite name="org.shop.PayTest" tests="2" failures="0" errors="1" skipped="0">
        <testcase name="pays" classname="org.shop.PayTest"/>
        <testcase name="refunds" classname="org.shop.PayTest"><error type="java.lang.NullPointerException"><![CDATA[
java.lang.NullPointerException: no order
  at org.shop.Pay]]></error></testcase>
      </testsuite>`;
    expect(await summary(jest, surefire)).toEqual({
      tests: { run: 4, failed: 2, skipped: 1 },
      failures: [
        "cart › removes: expected 1 < 0",
        "org.shop.PayTest › refunds: java.lang.NullPointerException: no order",
      ],
    });
  });

  it("count suites in suites, and failures that a suite claims and does not name", async () => {
    const nested = `<testsuites failures="1"><testsuite name="all" failures="1"><testsuite name="inner" failures="1">
      <testcase name="a"><failure/></testcase></testsuite></testsuite></testsuites>`;
    expect(await summary(nested)).toEqual({
      tests: { run: 1, failed: 1, skipped: 0 },
      failures: ["inner › a: failed"],
    });
    const unloadable = '<testsuite name="e2e" tests="1" errors="1"><error message="cannot find module x"/></testsuite>';
    expect(await summary(unloadable)).toEqual({
      tests: { run: 1, failed: 1, skipped: 0 },
      failures: ["e2e: cannot find module x"],
    });
  });

  it("name the first few of many failures", async () => {
    const cases = Array.from({ length: 40 }, (_, n) => `<testcase name="t${n}"><failure message="m"/></testcase>`);
    const { tests, failures } = await summary(`<testsuite name="s">${cases.join("")}</testsuite>`);
    expect([tests.failed, failures.length, failures.at(-1)]).toEqual([40, 6, "and 35 more"]);
  });

  it.each([
    ["<testsuite><testcase>", /^0\.xml is no XML: line 1: /],
    ["", /^0\.xml is no XML/],
    ["<html/>", /^0\.xml is no JUnit report/],
  ])("that are none are refused: %s", async (text, words) => {
    await expect(summary(text)).rejects.toThrow(words);
    await expect(summary(text)).rejects.toBeInstanceOf(JunitError);
  });

  it("cannot blow up by entities", async () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "${"&a;".repeat(1000)}"><!ENTITY c "${"&b;".repeat(1000)}">]>
      <testsuite><testcase name="&c;"><failure message="&c;"/></testcase></testsuite>`;
    const outcome = await summary(bomb).then(
      ({ failures }) => failures.join().length,
      () => 0,
    );
    expect(outcome).toBeLessThan(100_000);
  });
});
