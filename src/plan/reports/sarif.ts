import { isObject, textOf } from "../../base/json.ts";
import { type Severity, severities } from "../../environment/gates.ts";
import { objectsIn, type Report, reportOf, severityOfScore, textIn, type Vulnerability } from "./report.ts";

type Document = Record<string, unknown>;

/** Tools that write a run without any rule or result where they found nothing. */
const scanners = /trivy|grype|anchore|snyk|docker scout|clair|xray|twistcli|wiz|aqua|osv|sysdig|qualys|tenable/i;

/** SARIF 2.1.0: a report for each tool that wrote a run. */
export function readSarif(document: Document): Report[] {
  if (!Array.isArray(document.runs) || !textOf(document.version).startsWith("2.")) return [];
  return objectsIn(document.runs).flatMap((run) => {
    const driver = isObject(run.tool) && isObject(run.tool.driver) ? run.tool.driver : {};
    const ended = objectsIn(run.invocations).flatMap(({ endTimeUtc }) => textIn(endTimeUtc) ?? []);
    const rules = objectsIn(driver.rules);
    const results = objectsIn(run.results).filter(counts);
    const found = results.map((result, index) => ({ ...vulnerabilityOf(result, rules), what: `${index}` }));
    const tool = textIn(driver.name) ?? "a tool";
    return isScan(tool, rules, found) ? [reportOf(tool, ended.sort().at(-1), found)] : [];
  });
}

/** Linters write SARIF, too: that they found nothing does not tell that anybody looked for vulnerabilities. */
function isScan(tool: string, rules: readonly Document[], found: readonly Vulnerability[]): boolean {
  const ids = [...rules.map(({ id }) => textOf(id)), ...found.map(({ id }) => id)];
  return (
    scanners.test(tool) ||
    ids.some((id) => /^(?:CVE|GHSA)-/.test(id)) ||
    rules.some((rule) => "security-severity" in propertiesOf(rule))
  );
}

/** §3.27.9 `kind`: anything but `fail`, the default, is no finding; §3.35.2: nor is what somebody accepted. */
function counts({ kind, suppressions }: Document): boolean {
  const accepted = objectsIn(suppressions).some(({ status }) => status === undefined || status === "accepted");
  return (kind === undefined || kind === "fail") && !accepted;
}

function vulnerabilityOf(result: Document, rules: readonly Document[]): Vulnerability {
  const own = isObject(result.rule) ? result.rule : {};
  const index = typeof result.ruleIndex === "number" ? result.ruleIndex : own.index;
  const id = textIn(result.ruleId) ?? textIn(own.id);
  const rule = (typeof index === "number" ? rules[index] : undefined) ?? rules.find((one) => one.id === id) ?? {};
  return { id: id ?? textIn(rule.id) ?? "a finding", severity: severityIn(result, rule) };
}

/** The tool's own word among the tags, then the CVSS score, then the level that every result has. */
function severityIn(result: Document, rule: Document): Severity {
  const properties = { ...propertiesOf(rule), ...propertiesOf(result) };
  const tags = Array.isArray(properties.tags) ? properties.tags.map((tag) => textOf(tag).toLowerCase()) : [];
  const tagged = severities.find((severity) => tags.includes(severity));
  if (tagged) return tagged;
  const score = Number.parseFloat(textOf(properties["security-severity"]));
  if (!Number.isNaN(score)) return severityOfScore(score);
  const usual = isObject(rule.defaultConfiguration) ? rule.defaultConfiguration.level : undefined;
  // §3.27.10: `warning` where nothing is said.
  const level = textIn(result.level) ?? textIn(usual) ?? "warning";
  return level === "error" ? "high" : level === "warning" ? "medium" : "low";
}

function propertiesOf({ properties }: Document): Document {
  return isObject(properties) ? properties : {};
}
