import { textOf } from "../../base/json.ts";
import { type ListedPackage, objectsIn, type Report, textIn } from "./report.ts";

type Document = Record<string, unknown>;

/** SPDX 2.2 and 2.3, JSON. */
export function readSpdx(document: Document): Report[] {
  if (!textOf(document.spdxVersion).startsWith("SPDX-2.")) return [];
  return [{ kind: "sbom", format: "SPDX", packages: objectsIn(document.packages).flatMap(packageOf) }];
}

function packageOf(one: Document): ListedPackage[] {
  const name = textIn(one.name);
  if (name === undefined) return [];
  const license = [one.licenseConcluded, one.licenseDeclared].map(textIn).find(isKnown);
  return [{ names: [name], version: textIn(one.versionInfo), licenses: license === undefined ? [] : [license] }];
}

function isKnown(license: string | undefined): boolean {
  return license !== undefined && license !== "NOASSERTION" && license !== "NONE";
}
