import { type Duration, formatDuration } from "../../base/duration.ts";
import { formatInstant } from "../../base/zoned-time.ts";
import type { GateFacts, VerifiedStage } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

/** A release comes to a stage only when it is verified in every stage before: this gate no file can take away. */
export function judgeVerified(facts: Pick<GateFacts, "verified" | "release">, now: number): JudgedGate {
  const found = facts.verified.map((stage) => `${stage.stage}: ${sinceWhen(stage, now)}`).join("; ");
  const open = facts.verified.every((stage) => "at" in stage);
  return { gate: "verified", open, found, ...(open ? {} : { missing: howToVerify(facts) }) };
}

/** Time since it is verified in the last of the stages before. */
export function judgeSoak(
  soak: Duration | undefined,
  facts: Pick<GateFacts, "verified" | "release" | "zone">,
  now: number,
): JudgedGate[] {
  if (soak === undefined) return [];
  const waiting = facts.verified.filter((stage) => "why" in stage);
  if (waiting.length > 0) {
    const found = `it has not begun: not verified in ${waiting.map(({ stage }) => stage).join(" and ")}`;
    return [{ gate: "soak", open: false, found, missing: howToVerify(facts) }];
  }
  const begun = facts.verified.flatMap((stage) => ("at" in stage ? [{ ...stage, time: Date.parse(stage.at) }] : []));
  const last = begun.reduce((latest, stage) => (stage.time > latest.time ? stage : latest));
  const opens = last.time + soak;
  const age = formatDuration(Math.max(0, now - last.time));
  const found = `verified in ${last.stage} for ${age}, of ${formatDuration(soak)}`;
  if (now >= opens) return [{ gate: "soak", open: true, found }];
  return [
    {
      gate: "soak",
      open: false,
      found,
      missing: `${formatDuration(opens - now)} more: it opens ${formatInstant(opens, facts.zone(), facts.zone())}`,
      opensAt: new Date(opens).toISOString(),
    },
  ];
}

function sinceWhen(stage: VerifiedStage, now: number): string {
  return "why" in stage ? stage.why : `verified for ${formatDuration(Math.max(0, now - Date.parse(stage.at)))}`;
}

function howToVerify({ verified, release }: Pick<GateFacts, "verified" | "release">): string {
  return verified
    .filter((stage) => "why" in stage)
    .map((stage) =>
      "why" in stage && stage.ran
        ? `envctl verify ${stage.stage}`
        : `envctl ${stage.first ? "up" : "promote"} ${stage.stage} --release ${release.name}`,
    )
    .join(" and ");
}
