import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forbiddenBy } from "../../../src/plan/reports/license.ts";
import { readReport } from "../../../src/plan/reports/read-report.ts";

const file = (name: string) =>
  readFileSync(new URL(`../../promotion/fixtures/reports/${name}.json`, import.meta.url), "utf8");
const none = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };

describe("a report is known by what is in it", () => {
  it("Trivy's: each vulnerability of a package once, and no secrets", () => {
    expect(readReport(file("trivy"))).toEqual([
      {
        kind: "vulnerabilities",
        tool: "trivy",
        at: "2026-03-01T10:00:00.123456789Z",
        counts: { critical: 1, high: 2, medium: 1, low: 0, unknown: 1 },
        worst: [
          { id: "CVE-2024-3094", severity: "critical" },
          { id: "CVE-2023-4911", severity: "high" },
          { id: "CVE-2023-4911", severity: "high" },
          { id: "CVE-2024-28863", severity: "medium" },
          { id: "GHSA-0000-0000-0000", severity: "unknown" },
        ],
      },
    ]);
  });

  it("Grype's: without what is ignored; negligible is low", () => {
    expect(readReport(file("grype"))).toMatchObject([
      { tool: "grype", at: "2026-03-02T10:00:00Z", counts: { ...none, high: 1, low: 1 } },
    ]);
  });

  it("SARIF: by tags, then by score, then by level; without what is accepted or does not apply", () => {
    expect(readReport(file("sarif"))).toMatchObject([
      { tool: "trivy", at: "2026-03-03T10:00:00Z", counts: { critical: 1, high: 2, medium: 1, low: 1, unknown: 0 } },
    ]);
  });

  it("only where somebody looked for vulnerabilities: a linter that found nothing did not, nor a search for secrets", () => {
    const run = (name: string, more: object = {}) => ({ tool: { driver: { name, ...more } }, results: [] });
    const sarif = (...runs: object[]) => readReport(JSON.stringify({ version: "2.1.0", runs }));
    expect(sarif(run("Hadolint"), run("gitleaks", { rules: [{ id: "aws-key" }] }))).toEqual([]);
    expect(sarif(run("Trivy"))).toMatchObject([{ tool: "trivy", counts: none }]);
    expect(sarif(run("a scanner", { rules: [{ id: "x", properties: { "security-severity": "1.0" } }] }))).toHaveLength(
      1,
    );
    expect(sarif({ ...run("another"), results: [{ ruleId: "CVE-2024-3094" }] })).toHaveLength(1);
    const trivy = { SchemaVersion: 2, ArtifactName: "shop" };
    const results = (...Results: object[]) => readReport(JSON.stringify({ ...trivy, Results }));
    expect([results(), results({ Class: "secret" })]).toEqual([[], []]);
    expect(results({ Class: "secret" }, { Class: "os-pkgs" })).toMatchObject([{ tool: "trivy", counts: none }]);
  });

  it("CycloneDX: packages within packages, and vulnerabilities that affect", () => {
    expect(readReport(file("cyclonedx"))).toEqual([
      {
        kind: "sbom",
        format: "CycloneDX",
        packages: [
          { names: ["org.apache.logging.log4j/log4j-core", "log4j-core"], version: "2.14.1", licenses: ["Apache-2.0"] },
          { names: ["readline"], version: "8.2", licenses: ["GPL-3.0-or-later OR MIT"] },
          { names: ["libhistory"], version: undefined, licenses: ["GPL-3.0-or-later"] },
        ],
      },
      {
        kind: "vulnerabilities",
        tool: "trivy",
        at: "2026-03-04T10:00:00Z",
        counts: { ...none, critical: 1, medium: 1 },
        worst: [
          { id: "CVE-2021-44228", severity: "critical" },
          { id: "CVE-2021-45046", severity: "medium" },
        ],
      },
    ]);
  });

  it("CycloneDX with an empty list of vulnerabilities is a list of packages alone", () => {
    const document = { ...JSON.parse(file("cyclonedx")), vulnerabilities: [] };
    expect(readReport(JSON.stringify(document)).map(({ kind }) => kind)).toEqual(["sbom"]);
  });

  it("SPDX: a license that is concluded, or declared, or not known", () => {
    expect(readReport(file("spdx"))).toEqual([
      {
        kind: "sbom",
        format: "SPDX",
        packages: [
          { names: ["busybox"], version: "1.36.1", licenses: ["GPL-2.0-only"] },
          { names: ["@babel/core"], version: "7.24.0", licenses: ["MIT"] },
          { names: ["unknown"], version: undefined, licenses: [] },
        ],
      },
    ]);
  });

  it("in a statement, in its envelope, and in a bundle", () => {
    const statement = { _type: "https://in-toto.io/Statement/v1", predicateType: "https://spdx.dev/Document" };
    const spdx = JSON.stringify({ ...statement, predicate: JSON.parse(file("spdx")) });
    const payload = Buffer.from(spdx).toString("base64");
    const envelope = { payload, payloadType: "application/vnd.in-toto+json", signatures: [] };
    const scanned = { ...statement, predicate: { scanner: { uri: "trivy", result: JSON.parse(file("trivy")) } } };
    for (const text of [spdx, JSON.stringify(envelope), JSON.stringify({ dsseEnvelope: envelope })]) {
      expect(readReport(text)).toMatchObject([{ kind: "sbom", format: "SPDX" }]);
    }
    expect(readReport(JSON.stringify(scanned))).toMatchObject([{ tool: "trivy" }]);
  });

  it("is nothing where it is something else, and no garbage is an error", () => {
    for (const text of [
      "",
      "<bom/>",
      "[]",
      "{}",
      '{"runs":1,"version":"2.1.0"}',
      '{"payload":"%","payloadType":"x"}',
    ]) {
      expect(readReport(text)).toEqual([]);
    }
    fc.assert(
      fc.property(fc.json(), (text) => Array.isArray(readReport(text))),
      { numRuns: 100 },
    );
    const mutated = fc
      .tuple(fc.constantFrom("trivy", "grype", "sarif", "cyclonedx", "spdx"), fc.nat(), fc.jsonValue())
      .map(([name, at, value]) => JSON.stringify(withAnother(JSON.parse(file(name)), at, value)));
    fc.assert(
      fc.property(mutated, (text) => Array.isArray(readReport(text))),
      { numRuns: 300 },
    );
  });

  it("is read where a text's place is taken by what cannot become one", () => {
    for (const name of ["trivy", "grype", "sarif", "cyclonedx", "spdx"]) {
      for (let at = 0; at < 200; at += 1) {
        const text = JSON.stringify(withAnother(JSON.parse(file(name)), at, { toString: [] }));
        expect(Array.isArray(readReport(text))).toBe(true);
      }
    }
  });
});

describe("a license of an expression is forbidden", () => {
  it.each<[string, string | undefined]>([
    ["MIT", undefined],
    ["GPL-3.0-only", "GPL-3.0-only"],
    ["gpl-3.0-only", "gpl-3.0-only"],
    ["MIT OR GPL-3.0-only", undefined],
    ["GPL-2.0-only OR GPL-3.0-only", "GPL-2.0-only"],
    ["MIT AND GPL-3.0-only", "GPL-3.0-only"],
    ["MIT OR Apache-2.0 AND GPL-3.0-only", undefined],
    ["(MIT OR Apache-2.0) AND GPL-3.0-only", "GPL-3.0-only"],
    ["(GPL-2.0-only OR (AGPL-3.0-only AND MIT))", "GPL-2.0-only"],
    ["GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only"],
    ["GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", undefined],
    ["GNU Lesser License", undefined],
    ["AGPL", undefined],
    ["Some License, Version 2 (modified)", "Some License, Version 2 (modified)"],
    ["((", undefined],
  ])("%s: %s", (expression, expected) => {
    expect(forbiddenBy(expression, ["GPL-*", "AGPL-*", "Some License*"])).toBe(expected);
  });
});

/** A document with another value in one place of it. */
function withAnother(document: unknown, at: number, value: unknown): unknown {
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const visit = (holder: Record<string, unknown>) => {
    for (const [key, inner] of Object.entries(holder)) {
      places.push([holder, key]);
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(document as Record<string, unknown>);
  const [holder, key] = places[at % places.length] ?? [];
  if (holder && key !== undefined) holder[key] = value;
  return document;
}
