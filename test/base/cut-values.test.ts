import { parse } from "dotenv";
import { expect, it } from "vitest";
import { cutValues } from "../../src/base/cut-values.ts";

it.each([
  ["PASSWORD=ab#cd", ["PASSWORD"]],
  ["export PASSWORD = ab cd#ef\r\nURL=http://host/#top", ["PASSWORD", "URL"]],
  ["PASSWORD=ab # what it is for", []],
  ["PASSWORD='ab#cd'\nOTHER=\"ab#cd\"", []],
  ["# PASSWORD=ab#cd\nEMPTY=#abc\nA=b", []],
  // A line of a value of several, and one that another takes the place of.
  ['TEXT="first\nPASSWORD=ab#cd\n"', []],
  ["PASSWORD=ab#cd\nPASSWORD=whole", []],
  ["A=b#c#d\nA=b#e", ["A"]],
])("of %j, the values that end before a # are of %j", (text, names) => {
  expect(cutValues(text, parse(text))).toEqual(names);
});
