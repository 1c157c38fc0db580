import type { Approvals } from "../../environment/gates.ts";
import type { ApprovalFacts, ApprovalStatement, GateFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** As many different keys as are asked for must have approved: by their newest word, and only those that count. */
export function judgeApprovals(
  rule: Approvals | undefined,
  { approvals, stage, release }: Pick<GateFacts, "approvals" | "stage" | "release">,
): JudgedGate[] {
  if (!rule) return [];
  const gate = "approvals";
  if (approvals.keys.length === 0) {
    const found = "this environment has no keys, so that nobody's approval can be told from another's";
    return [{ gate, open: false, found, missing: "envctl keys init, and commit .envctl/keys" }];
  }
  if (rule.notAuthor && approvals.authorUnknown !== undefined) {
    const found = `it cannot be told who made it, whose own approval would not count: ${approvals.authorUnknown}`;
    return [{ gate, open: false, found, missing: "run it in a clone that has the commit: git fetch --unshallow" }];
  }
  const nameOf = (id: string) => approvals.keys.find((key) => key.id === id)?.name ?? id;
  const standing = standingApprovals(approvals.statements);
  const refused = standing.flatMap(({ key }) => {
    const why = whyNot(rule, approvals, key);
    return why === undefined ? [] : [`${nameOf(key)}'s does not count: ${why}`];
  });
  const counting = standing.filter(({ key }) => whyNot(rule, approvals, key) === undefined);
  const names = counting.map(({ key }) => nameOf(key)).sort();
  const who = names.length > 0 ? `approved by ${names.join(" and ")}` : "nobody has approved";
  const found = [`${who}, of ${rule.count} wanted`, ...refused].join("; ");
  const left = rule.count - counting.length;
  const attestations = counting.map(({ digest }) => digest);
  if (left <= 0) return [{ gate, open: true, found, attestations }];
  const able = approvals.keys.filter(
    ({ id }) => whyNot(rule, approvals, id) === undefined && !counting.some(({ key }) => key === id),
  );
  const words = `envctl approve ${stage} --release ${release.name}`;
  return [
    {
      gate,
      open: false,
      found,
      missing: `${words}, ${byWhom(
        left,
        able.map(({ name }) => name),
      )}`,
    },
  ];
}

function byWhom(left: number, able: readonly string[]): string {
  if (able.length === left) return `by ${able.join(" and ")}`;
  if (able.length > left) return `by ${left} of ${able.join(", ")}`;
  const others = `${left - able.length} more, whose key is not in .envctl/keys yet`;
  return able.length > 0 ? `by ${able.join(", ")} and ${others}` : `by ${others}`;
}

/** The newest word of each key, where it is an approval. A withdrawal of the same instant goes first. */
export function standingApprovals(statements: readonly ApprovalStatement[]): ApprovalStatement[] {
  const newest = new Map<string, ApprovalStatement>();
  for (const statement of statements) {
    const known = newest.get(statement.key);
    const later = known === undefined ? 1 : Date.parse(statement.at) - Date.parse(known.at);
    if (later > 0 || (later === 0 && statement.decision === "withdrawn")) newest.set(statement.key, statement);
  }
  return [...newest.values()].filter(({ decision }) => decision === "approved");
}

/** Why an approval of this key does not count; undefined where it does. */
function whyNot(rule: Approvals, { keys, authors }: ApprovalFacts, id: string): string | undefined {
  const names = keys.filter((key) => key.id === id).map(({ name }) => name);
  if (rule.by && !names.some((name) => rule.by?.includes(name))) return `${rule.by.join(", ")} may`;
  return rule.notAuthor ? authors.find(({ key }) => key === id)?.why : undefined;
}
