import { type Severity, severities } from "../../environment/gates.ts";

/** What a tool found out about an image, whichever form it wrote it in. */
export type Report = VulnerabilityReport | SbomReport;

export interface VulnerabilityReport {
  readonly kind: "vulnerabilities";
  /** `trivy`, `grype`. */
  readonly tool: string;
  /** When it was made, RFC 3339; undefined where it does not say. */
  readonly at: string | undefined;
  readonly counts: Readonly<Record<Severity, number>>;
  /** The gravest first, a few. */
  readonly worst: readonly Vulnerability[];
}

export interface Vulnerability {
  /** `CVE-2024-3094` */
  readonly id: string;
  readonly severity: Severity;
}

export interface SbomReport {
  readonly kind: "sbom";
  /** `CycloneDX`, `SPDX`. */
  readonly format: string;
  readonly packages: readonly ListedPackage[];
}

export interface ListedPackage {
  /** What it is called, and what it is called within its group. */
  readonly names: readonly string[];
  readonly version: string | undefined;
  /** SPDX expressions; all of them hold. */
  readonly licenses: readonly string[];
}

/** A package may be found more than once, in several places: each of its vulnerabilities counts once. */
export function reportOf(
  tool: string,
  at: string | undefined,
  found: readonly (Vulnerability & { readonly what: string })[],
): VulnerabilityReport {
  const each = [...new Map(found.map((one) => [`${one.id} ${one.what}`, one])).values()];
  const counts = Object.fromEntries(
    severities.map((severity) => [severity, each.filter((one) => one.severity === severity).length]),
  ) as Record<Severity, number>;
  const worst = severities.flatMap((severity) => each.filter((one) => one.severity === severity));
  return {
    kind: "vulnerabilities",
    tool: tool.toLowerCase(),
    at,
    counts,
    worst: worst.slice(0, 50).map(({ id, severity }) => ({ id, severity })),
  };
}

/** As tools write it: `Critical`, `MEDIUM`, `Negligible`. */
export function severityOf(text: unknown): Severity {
  const word = typeof text === "string" ? text.toLowerCase() : "";
  if (word === "negligible" || word === "info" || word === "informational" || word === "none") return "low";
  if (word === "moderate") return "medium";
  return severities.find((severity) => severity === word) ?? "unknown";
}

/** CVSS §Qualitative severity rating scale. */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  if (score >= 4) return "medium";
  return score >= 0 ? "low" : "unknown";
}

export function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function objectsIn(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null)
    : [];
}
