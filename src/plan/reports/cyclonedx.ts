import { isObject, textOf } from "../../base/json.ts";
import { type Severity, severities } from "../../environment/gates.ts";
import { type ListedPackage, objectsIn, type Report, reportOf, severityOf, severityOfScore, textIn } from "./report.ts";

type Document = Record<string, unknown>;

/** States of an analysis that say: not this image. */
const harmless = ["not_affected", "false_positive", "resolved", "resolved_with_pedigree"];

/** CycloneDX 1.4 and later, JSON. */
export function readCycloneDx(document: Document): Report[] {
  if (document.bomFormat !== "CycloneDX") return [];
  const packages = packagesIn(document.components);
  const vulnerabilities = objectsIn(document.vulnerabilities);
  const metadata = isObject(document.metadata) ? document.metadata : {};
  return [
    ...(Array.isArray(document.components) ? [{ kind: "sbom", format: "CycloneDX", packages } as const] : []),
    // Tools write an empty list into lists of packages, too, that they never looked for vulnerabilities in: it proves nothing.
    ...(vulnerabilities.length > 0
      ? [reportOf(toolOf(metadata.tools), textIn(metadata.timestamp), vulnerabilities.flatMap(vulnerabilityOf))]
      : []),
  ];
}

/** Components have components. */
function packagesIn(value: unknown): ListedPackage[] {
  return objectsIn(value).flatMap((component) => {
    const name = textIn(component.name);
    const group = textIn(component.group);
    const own = name
      ? [
          {
            names: group ? [`${group}/${name}`, name] : [name],
            version: textIn(component.version),
            licenses: licensesOf(component.licenses),
          },
        ]
      : [];
    return [...own, ...packagesIn(component.components)];
  });
}

function licensesOf(value: unknown): string[] {
  return objectsIn(value).flatMap(({ license, expression }) => {
    if (typeof expression === "string") return [expression];
    return isObject(license) ? (textIn(license.id) ?? textIn(license.name) ?? []) : [];
  });
}

function vulnerabilityOf(one: Document) {
  const state = isObject(one.analysis) ? one.analysis.state : undefined;
  if (harmless.some((word) => word === state)) return [];
  const id = textIn(one.id) ?? "a vulnerability";
  const affected = objectsIn(one.affects).map(({ ref }) => textOf(ref));
  return (affected.length > 0 ? affected : [""]).map((what) => ({ id, severity: gravestOf(one.ratings), what }));
}

/** Several sources rate it, each in its own way. */
function gravestOf(value: unknown): Severity {
  const rated = objectsIn(value).map(({ severity, score }) =>
    severity === undefined && typeof score === "number" ? severityOfScore(score) : severityOf(severity),
  );
  return severities.find((severity) => rated.includes(severity)) ?? "unknown";
}

/** A list of tools until 1.4, a map of components since. */
function toolOf(tools: unknown): string {
  const list = isObject(tools) ? objectsIn(tools.components) : objectsIn(tools);
  return textIn(list[0]?.name) ?? "cyclonedx";
}
