import { type KindReport, type LoadError, type LoadReport, loadKinds } from "./model.ts";

const columns: readonly (readonly [string, (report: KindReport) => string])[] = [
  ["requests", ({ requests }) => String(requests)],
  ["failed", ({ failed }) => String(failed)],
  ["truncated", ({ truncated }) => String(truncated)],
  ["retried", ({ retried }) => String(retried)],
  ["cut", ({ cut }) => String(cut)],
  ["closed", ({ closed }) => String(closed)],
  ["lost", ({ lost }) => String(lost)],
  ["latency", ({ longestLatency }) => `${longestLatency}ms`],
  ["stall", ({ longestStall }) => (longestStall === undefined ? "" : `${longestStall}ms`)],
];

/** A small table, then the releases as they were seen, and the first errors. */
export function formatReport(report: LoadReport): string[] {
  const rows = loadKinds
    .filter((kind) => report.kinds[kind].requests > 0 || report.kinds[kind].failed > 0)
    .map((kind) => [kind, ...columns.map(([, show]) => show(report.kinds[kind]))]);
  const all = [["", ...columns.map(([name]) => name)], ...rows];
  const widths = all[0]?.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0))) ?? [];
  const table = all.map((row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join("  "),
  );
  const errors = loadKinds.flatMap((kind) => report.kinds[kind].errors).sort((one, other) => one.at - other.at);
  return [
    `${report.requests} requests in ${(report.duration / 1000).toFixed(1)}s, ${report.failed} failed, ${report.retried} retried (own delay ${report.ownDelay}ms)`,
    ...table,
    ...report.releases.map(
      ({ url, release, first, last, answers }) =>
        `${release} at ${url}: ${answers} answers from ${first}ms to ${last}ms`,
    ),
    ...errors.slice(0, 20).map((error) => `${error.at}ms ${error.kind} ${error.url}: ${error.code}${timingOf(error)}`),
  ];
}

/** Empty for what is no request with a connection of its own. */
function timingOf({ after, connected }: LoadError): string {
  if (after === undefined) return "";
  return `, ${after}ms after it was asked${connected === undefined ? "" : `, connected after ${connected}ms`}`;
}
