import { isObject, parseJson, textOf } from "../../base/json.ts";
import { readCycloneDx } from "./cyclonedx.ts";
import { readGrype } from "./grype.ts";
import type { Report } from "./report.ts";
import { readSarif } from "./sarif.ts";
import { readSpdx } from "./spdx.ts";
import { readTrivy } from "./trivy.ts";

/** Reads what a tool attached to an image: foreign data. Empty where it is no report of a form that is known. */
export function readReport(text: string): Report[] {
  const document = parseJson(text);
  const inner = unwrap(document) ?? document;
  if (!isObject(inner)) return [];
  return [readSarif, readCycloneDx, readSpdx, readTrivy, readGrype].flatMap((read) => read(inner));
}

/**
 * What an in-toto statement says, whether it comes alone, in a DSSE envelope or in a bundle of sigstore's. Its signature is
 * not what a report is believed for.
 */
function unwrap(value: unknown): unknown {
  if (!isObject(value)) return undefined;
  if (isObject(value.dsseEnvelope)) return unwrap(value.dsseEnvelope);
  if (typeof value.payload === "string" && typeof value.payloadType === "string") {
    return unwrap(parseJson(Buffer.from(value.payload, "base64").toString("utf8")));
  }
  if (!textOf(value._type).startsWith("https://in-toto.io/Statement/")) return undefined;
  const { predicate } = value;
  if (!isObject(predicate)) return undefined;
  // cosign's vulnerability predicate has the tool's own report inside.
  const scanner = isObject(predicate.scanner) ? predicate.scanner.result : undefined;
  return isObject(scanner) ? scanner : predicate;
}
