import { formatDuration } from "../../base/duration.ts";
import { type Severity, severities, type VulnerabilityRule } from "../../environment/gates.ts";
import type { VulnerabilityReport } from "../reports/report.ts";
import type { AttachedReport, ImageFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

const gate = "image.vulnerabilities";
const missing = "scan it and attach the report, such as: trivy image --format sarif, then oras attach";

interface Found {
  readonly platform: string;
  readonly report: VulnerabilityReport;
}

/**
 * On each platform the newest report of each tool counts, and the worst of them decides. A report that is too old counts for
 * nothing, and without any the gate is closed.
 */
export function judgeVulnerabilities(rule: VulnerabilityRule, image: ImageFacts, now: number): JudgedGate {
  const reports = image.reports.filter(isVulnerabilities);
  const found: Found[] = [];
  const without: string[] = [];
  for (const { platform } of image.platforms) {
    const about = reports.filter((one) => one.platform === undefined || one.platform === platform);
    const newest = newestOfEachTool(about.map(({ report }) => report));
    const fresh = newest.filter((report) => whyTooOld(report, rule, now) === undefined);
    if (fresh.length === 0) without.push(nothingOf(platform, image, newest, rule, now));
    found.push(...fresh.map((report) => ({ platform, report })));
  }
  if (without.length > 0) return { gate, open: false, found: without.join("; "), missing };
  const several = image.platforms.length > 1;
  const words = found.map(({ platform, report }) => {
    const place = several ? ` on ${platform}` : "";
    return `${report.tool}${place}: ${countsOf(report, rule)}${ageOf(report, now)}`;
  });
  const broken = found.filter(({ report }) => excess(report, rule).length > 0);
  if (broken.length === 0) return { gate, open: true, found: words.join("; ") };
  const worst = new Set(broken.flatMap(({ report }) => examples(report, rule)));
  return {
    gate,
    open: false,
    found: words.join("; "),
    missing: `mend ${[...worst].slice(0, 5).join(", ")}, build that, and have it scanned`,
  };
}

function isVulnerabilities(one: AttachedReport): one is AttachedReport & { readonly report: VulnerabilityReport } {
  return one.report.kind === "vulnerabilities";
}

function newestOfEachTool(reports: readonly VulnerabilityReport[]): VulnerabilityReport[] {
  const newest = new Map<string, VulnerabilityReport>();
  for (const report of reports) {
    const known = newest.get(report.tool);
    if (!known || timeOf(report) > timeOf(known)) newest.set(report.tool, report);
  }
  return [...newest.values()];
}

function timeOf({ at }: VulnerabilityReport): number {
  const time = Date.parse(at ?? "");
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}

function whyTooOld(report: VulnerabilityReport, { maxAge }: VulnerabilityRule, now: number): string | undefined {
  if (maxAge === undefined) return undefined;
  const time = timeOf(report);
  if (time === Number.NEGATIVE_INFINITY) return `${report.tool}'s has no date`;
  if (now - time <= maxAge) return undefined;
  return `${report.tool}'s is ${formatDuration(now - time)} old, of ${formatDuration(maxAge)}`;
}

function nothingOf(
  platform: string,
  image: ImageFacts,
  old: readonly VulnerabilityReport[],
  rule: VulnerabilityRule,
  now: number,
): string {
  const place = image.platforms.length > 1 ? ` of ${platform}` : "";
  const reasons = [...old.flatMap((report) => whyTooOld(report, rule, now) ?? []), ...image.unreadable];
  return `no vulnerability report${place}${reasons.length > 0 ? ` that counts: ${reasons.join(", ")}` : " is attached"}`;
}

function excess(report: VulnerabilityReport, { max }: VulnerabilityRule): Severity[] {
  return severities.filter((severity) => report.counts[severity] > (max[severity] ?? Number.POSITIVE_INFINITY));
}

function countsOf(report: VulnerabilityReport, { max }: VulnerabilityRule): string {
  return severities
    .filter((severity) => max[severity] !== undefined)
    .map((severity) => `${report.counts[severity]} ${severity} of ${max[severity]}`)
    .join(", ");
}

function ageOf(report: VulnerabilityReport, now: number): string {
  const time = timeOf(report);
  return time === Number.NEGATIVE_INFINITY ? "" : ` (${formatDuration(Math.max(0, now - time))} old)`;
}

function examples(report: VulnerabilityReport, rule: VulnerabilityRule): readonly string[] {
  const over = excess(report, rule);
  return report.worst.filter(({ severity }) => over.includes(severity)).map(({ id }) => id);
}
