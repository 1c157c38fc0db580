import { shortDigest } from "../../base/digest.ts";
import type { AttestedBuild } from "../../promotion/builds.ts";
import type { LedgerEntry } from "../../promotion/record.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import { text, type Verb } from "../verb.ts";
import type { Cell } from "../view/table.ts";

export const history: Verb = {
  name: "history",
  group: "look",
  summary: "what was built, what ran in a stage when, who brought it there, and what failed",
  arguments: [["[stage]", "one stage; without it, all of them, and the builds"]],
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
    return await withWorkspace(context, name, async (workspace) => {
      const { environment, connections, signal } = workspace;
      const keys = await readPublicKeys(environment.directory);
      const stages = name === undefined ? environment.stages : [findStage(environment, name)];
      const building = name === undefined ? newestBuilds(workspace, limit) : [];
      const entries = await Promise.all(
        stages.map(async (stage) => {
          const ledger = new Ledger(await connections.repository(stage.repository), environment.name, stage.name);
          const found: { readonly entry: LedgerEntry; readonly by: string | undefined }[] = [];
          // Signatures are proven while other records are on their way.
          for await (const entry of ledger.entries(limit, signal)) {
            found.push({ entry, by: signedBy(entry.envelope, keys)?.name });
          }
          return found;
        }),
      );
      const signed = (by: string | undefined) => (keys.length > 0 ? (by ?? "nobody we know") : undefined);
      const builds = await building;
      const all = merge([
        ...entries.map((list) =>
          list.map(({ entry, by }) => ({
            at: entry.record.at,
            row: entryRow(entry, signed(by)),
            document: entryDocument(entry, by),
          })),
        ),
        builds.map((build) => ({
          at: build.provenance.finishedAt,
          row: buildRow(build, signed(build.signer)),
          document: buildDocument(environment.name, build),
        })),
      ]);
      const head = ["WHEN", "STAGE", "WHAT", "RELEASE", "DIGEST", "OUTCOME", "BY"];
      head.push(...(keys.length > 0 ? ["SIGNED BY"] : []), "");
      const rows = all.map(({ row }) => row);
      return {
        json: {
          verb: "history",
          environment: environment.name,
          records: all.map(({ document }) => document),
        },
        text: rows.length === 0 ? "no history yet" : renderTable(head, rows, context.paint, context.width, [0]),
      };
    });
  },
};

/** What is shown of a record or a build. */
interface Line {
  readonly at: string;
  readonly row: readonly Cell[];
  readonly document: object;
}

/** One list of several, newest first. Each keeps its own order: clocks of machines differ, and the chain of a history is certain. */
function merge(lists: readonly (readonly Line[])[]): Line[] {
  const rest = lists.filter((list) => list.length > 0).map((list) => [...list].reverse());
  const merged: Line[] = [];
  while (rest.length > 0) {
    const next = rest.reduce((newest, list) => ((newest.at(-1)?.at ?? "") < (list.at(-1)?.at ?? "") ? list : newest));
    merged.push(...next.splice(-1));
    if (next.length === 0) rest.splice(rest.indexOf(next), 1);
  }
  return merged;
}

async function newestBuilds(workspace: Workspace, limit: number): Promise<readonly AttestedBuild[]> {
  const { readBuilds } = await import("../../promotion/builds.ts");
  const { builds, problems } = await readBuilds(workspace);
  for (const { tag, what } of problems) workspace.progress.warn(`${tag} is not shown: ${what}`);
  return builds.slice(0, limit);
}

function entryDocument(entry: LedgerEntry, signer: string | undefined) {
  return {
    ...entry.record,
    record: entry.digest,
    previous: entry.previous ?? null,
    sequence: entry.sequence,
    signer: signer ?? null,
  };
}

function buildDocument(environment: string, { image, digest, provenance, signer }: AttestedBuild) {
  const { release: name, commit, dirty, fingerprint, builtBy, finishedAt } = provenance;
  return {
    kind: "build",
    outcome: "succeeded",
    environment,
    stage: null,
    release: { name, digest: image, commit, dirty, fingerprint },
    by: builtBy,
    at: finishedAt,
    attestedAt: provenance.attestedAt,
    record: digest,
    signer: signer ?? null,
  };
}

function buildRow({ image, provenance }: AttestedBuild, signer: string | undefined) {
  return [
    seconds(provenance.finishedAt),
    "",
    "build",
    provenance.release,
    shortDigest(image),
    { text: "succeeded", style: "green" as const },
    provenance.builtBy,
    ...(signer === undefined ? [] : [signer]),
    provenance.later ? `attested later: ${seconds(provenance.attestedAt)}` : "",
  ];
}

function seconds(at: string): string {
  return at.replace(/\.\d+Z$/, "Z");
}

function entryRow({ record }: LedgerEntry, signer: string | undefined) {
  return [
    seconds(record.at),
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

function particulars({ from, checks, override, former, hosts }: LedgerEntry["record"]): string {
  if (former) return `only ${hosts.join(", ")}`;
  if (override) return `${override.gate}: ${override.reason}`;
  if (checks) return `${checks.length} ${checks.length === 1 ? "check" : "checks"}`;
  return from ? `from ${from}` : "";
}
