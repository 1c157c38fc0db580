import { isObject, textOf } from "../../base/json.ts";
import { objectsIn, type Report, reportOf, severityOf, textIn } from "./report.ts";

/** Grype's own JSON; what its configuration ignores stands in `ignoredMatches`, and does not count. */
export function readGrype(document: Record<string, unknown>): Report[] {
  const { descriptor } = document;
  if (!Array.isArray(document.matches) || !isObject(descriptor) || descriptor.name !== "grype") return [];
  const found = objectsIn(document.matches).map(({ vulnerability, artifact }) => {
    const [about, where] = [isObject(vulnerability) ? vulnerability : {}, isObject(artifact) ? artifact : {}];
    return {
      id: textIn(about.id) ?? "a vulnerability",
      severity: severityOf(about.severity),
      what: `${textOf(where.name)} ${textOf(where.version)}`,
    };
  });
  return [reportOf("grype", textIn(descriptor.timestamp), found)];
}
