import { shortDigest } from "../../base/digest.ts";
import type { LedgerEntry } from "../../promotion/record.ts";
import { text, type Verb } from "../verb.ts";

export const history: Verb = {
  name: "history",
  group: "look",
  summary: "what ran in a stage when, who brought it there, and what failed",
  arguments: [["[stage]", "one stage; without it, all"]],
  options: [
    { flags: "-n, --limit <count>", description: "records of each stage, newest first", default: "20" },
    { flags: "--verify", description: "prove that every record is there, in its place, and as it was signed" },
  ],
  changes: false,
  examples: [
    ["envctl history prod", "the last 20 changes of prod"],
    ["envctl history --limit 100 --json", "for scripts"],
    ["envctl history --verify", "prove all of it; exit 6 names what is not as it was written"],
  ],
  run: async (context, [name], options) => {
    if (options.verify === true) return await (await import("./verify-history.ts")).verifyHistories(context, name);
    const { withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { Ledger } = await import("../../promotion/ledger.ts");
    const { readCount } = await import("../read-count.ts");
    const { readPublicKeys } = await import("../../signing/public-key.ts");
    const { signedBy } = await import("../../signing/envelope.ts");
    const { renderTable } = await import("../view/table.ts");
    const limit = readCount("--limit", text(options, "limit")) ?? 20;
    return await withWorkspace(context, name, async ({ environment, connections, signal }) => {
      const keys = await readPublicKeys(environment.directory);
      const signer = ({ envelope }: LedgerEntry) => signedBy(envelope, keys)?.name;
      const stages = name === undefined ? environment.stages : [findStage(environment, name)];
      const entries = await Promise.all(
        stages.map(async (stage) => {
          const ledger = new Ledger(await connections.repository(stage.repository), environment.name, stage.name);
          const found: LedgerEntry[] = [];
          for await (const entry of ledger.entries(limit, signal)) found.push(entry);
          return found;
        }),
      );
      const all = entries.flat().sort((left, right) => (left.record.at < right.record.at ? 1 : -1));
      const rows = all.map((entry) =>
        entryRow(entry, keys.length > 0 ? (signer(entry) ?? "nobody we know") : undefined),
      );
      const signed = keys.length > 0 ? ["SIGNED BY"] : [];
      const head = ["WHEN", "STAGE", "WHAT", "RELEASE", "DIGEST", "OUTCOME", "BY", ...signed, ""];
      return {
        json: {
          verb: "history",
          environment: environment.name,
          records: all.map((entry) => ({
            ...entry.record,
            record: entry.digest,
            previous: entry.previous ?? null,
            sequence: entry.sequence,
            signer: signer(entry) ?? null,
          })),
        },
        text: rows.length === 0 ? "no history yet" : renderTable(head, rows, context.paint, context.width),
      };
    });
  },
};

function entryRow({ record }: LedgerEntry, signer: string | undefined) {
  return [
    record.at.replace(/\.\d+Z$/, "Z"),
    record.stage,
    record.dev === undefined ? record.kind : `${record.kind} (dev)`,
    record.release?.name ?? "",
    record.release ? shortDigest(record.release.digest) : "",
    { text: record.outcome, style: record.outcome === "failed" ? ("red" as const) : ("green" as const) },
    record.by,
    ...(signer === undefined ? [] : [signer]),
    record.reason ?? particulars(record),
  ];
}

function particulars({ from, checks, override }: LedgerEntry["record"]): string {
  if (override) return `${override.gate}: ${override.reason}`;
  if (checks) return `${checks.length} ${checks.length === 1 ? "check" : "checks"}`;
  return from ? `from ${from}` : "";
}
