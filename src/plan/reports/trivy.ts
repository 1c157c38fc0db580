import { textOf } from "../../base/json.ts";
import { objectsIn, type Report, reportOf, severityOf, textIn } from "./report.ts";

/** Trivy's own JSON, schema version 2. */
export function readTrivy(document: Record<string, unknown>): Report[] {
  if (typeof document.SchemaVersion !== "number" || !("ArtifactName" in document)) return [];
  const looked = objectsIn(document.Results).some(
    ({ Class, Vulnerabilities }) => Class === "os-pkgs" || Class === "lang-pkgs" || Array.isArray(Vulnerabilities),
  );
  // It may have looked for secrets alone.
  if (!looked) return [];
  const found = objectsIn(document.Results).flatMap(({ Vulnerabilities }) =>
    objectsIn(Vulnerabilities).map((one) => ({
      id: textIn(one.VulnerabilityID) ?? "a vulnerability",
      severity: severityOf(one.Severity),
      what: `${textOf(one.PkgName)} ${textOf(one.InstalledVersion)}`,
    })),
  );
  return [reportOf("trivy", textIn(document.CreatedAt), found)];
}
