import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { BuildIntent } from "../../build/make-release.ts";
import type { Stage } from "../../environment/model.ts";
import type { JudgedGate } from "../../plan/gates/judged-gate.ts";
import { type PlannedVerb, plannedVerbs } from "../../plan/saved-plan.ts";
import type { DeploymentResult } from "../../promotion/deployment.ts";
import type { Release } from "../../release/release.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import { skipHooksOption } from "../global-options.ts";
import type { Outcome } from "../verb.ts";
import { type OptionValues, text, type Verb } from "../verb.ts";

export const plan: Verb = {
  name: "plan",
  group: "look",
  summary: "say what the next up, promote or rollback of a stage would do, host by host, and whether users notice",
  arguments: [["<stage>", "the stage"]],
  options: [
    {
      flags: "--for <verb>",
      description: "up, promote or rollback (default: up for a first stage, else promote)",
      values: plannedVerbs,
    },
    { flags: "-r, --release <release>", description: "plan with this release (name or digest)" },
    {
      flags: "-o, --out <file>",
      description: "save the plan, for --plan of the verb: it is carried out so, or not at all",
    },
    skipHooksOption,
  ],
  changes: false,
  examples: [
    ["envctl plan prod", "what `envctl promote prod` would do"],
    ["envctl plan prod --out plan.json", "save it; then: envctl promote prod --plan plan.json"],
    ["envctl plan prod --for rollback", "what `envctl rollback prod` would do"],
  ],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const verb = verbOf(stage, options);
      const out = text(options, "out");
      const asked = text(options, "release");
      const kept = out === undefined ? undefined : { salt: await newSalt(), saved: undefined };
      const planned = await planFor(verb, workspace, stage, { release: asked, dryRun: true, kept });
      if ("intent" in planned) {
        if (out !== undefined) throw nothingBuilt(planned.intent);
        return wouldBuild("plan", workspace, stage, planned.intent);
      }
      const { extra, ...result } = planned;
      const outcome = await deploymentOutcome(context, workspace, {
        verb: "plan",
        ...result,
        dryRun: true,
        extra: { for: verb, ...extra, saved: out ?? null },
      });
      if (out === undefined || kept === undefined) return outcome;
      await save(out, { workspace, stage, verb, asked, salt: kept.salt, result });
      return { ...outcome, text: `${outcome.text}\nsaved: envctl ${verb} ${stage.name} --plan ${out}` };
    });
  },
};

type Planned = DeploymentResult & {
  readonly release: Release;
  /** Of a promotion. */
  readonly gates?: readonly JudgedGate[];
  readonly extra?: Readonly<Record<string, unknown>>;
};

async function planFor(
  verb: PlannedVerb,
  workspace: Workspace,
  stage: Stage,
  options: { readonly release: string | undefined; readonly dryRun: true; readonly kept: Kept },
): Promise<Planned | { readonly intent: BuildIntent }> {
  if (verb === "up") {
    const { bringUp } = await import("../../promotion/up.ts");
    const result = await bringUp(workspace, stage, { ...options, force: false });
    return result.kind === "would-build" ? { intent: result.intent } : result;
  }
  if (verb === "rollback") {
    const { rollback } = await import("../../promotion/rollback.ts");
    const { before, ...result } = await rollback(workspace, stage, options);
    return { ...result, extra: { before } };
  }
  const { promote } = await import("../../promotion/promote.ts");
  const { from, ...result } = await promote(workspace, stage, options);
  return { ...result, extra: { from: from.name } };
}

type Kept = { readonly salt: string; readonly saved: undefined } | undefined;

async function newSalt(): Promise<string> {
  const { randomBytes } = await import("node:crypto");
  return randomBytes(16).toString("hex");
}

function verbOf(stage: Stage, options: OptionValues): PlannedVerb {
  const typed = text(options, "for");
  const usual = stage.after.length === 0 ? "up" : "promote";
  const verb = typed === undefined ? usual : plannedVerbs.find((known) => known === typed);
  if (verb) return verb;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `nothing can be planned for "${typed}"`,
    state: "nothing was looked at",
    next: `--for is one of: ${plannedVerbs.join(", ")}`,
  });
}

interface ToSave {
  readonly workspace: Workspace;
  readonly stage: Stage;
  readonly verb: PlannedVerb;
  readonly asked: string | undefined;
  readonly salt: string;
  readonly result: Planned;
}

async function save(file: string, { workspace, stage, verb, asked, salt, result }: ToSave): Promise<void> {
  const { writePlanFile } = await import("../../promotion/plan-file.ts");
  const { author } = await import("../../promotion/author.ts");
  const { moment, release } = result;
  if (!moment) throw new RangeError("a plan that is to be kept has its moment");
  await writePlanFile(file, {
    kind: "envctl-plan",
    version: 1,
    verb,
    environment: workspace.environment.name,
    stage: stage.name,
    asked,
    release: { name: release.name, digest: release.digest },
    madeAt: workspace.clock.now().toISOString(),
    madeBy: author(),
    salt,
    moment,
  });
  if (verb !== "up" || stage.after.length > 0 || asked !== undefined) return;
  const { readIntent } = await import("../../build/make-release.ts");
  if ((await readIntent(workspace)).fingerprint === release.fingerprint) return;
  const { rm } = await import("node:fs/promises");
  await rm(file, { force: true });
  throw inContext(file);
}

/** There it would be one of the sources, and the plan out of date by its own file. */
function inContext(file: string): EnvctlError {
  return new EnvctlError({
    code: "plan-not-saved",
    exitCode: ExitCode.usage,
    what: "the plan's file would be one of the sources that it is about",
    where: file,
    state: "nothing was saved",
    next: "save it outside of the build context, or name it in .dockerignore",
  });
}

function nothingBuilt({ name }: BuildIntent): EnvctlError {
  return new EnvctlError({
    code: "nothing-built",
    exitCode: ExitCode.failed,
    what: `a plan is about a digest, and ${name} is yet to be built`,
    state: "nothing was saved",
    next: "envctl build; then plan again",
  });
}

/** The plan of what has yet to be built has no digest, and so no steps on hosts either. */
export function wouldBuild(verb: "up" | "plan", workspace: Workspace, stage: Stage, intent: BuildIntent): Outcome {
  const { name } = workspace.environment;
  const hosts = stage.hosts.map((host) => host.name);
  return {
    json: {
      verb,
      environment: name,
      stage: stage.name,
      dryRun: true,
      changed: false,
      wouldBuild: true,
      build: { name: intent.name, fingerprint: intent.fingerprint },
      hosts,
    },
    text: [
      `${name} ${intent.name} on ${stage.name}`,
      `  build ${name} ${intent.name}: the sources are not those of any release`,
      "  push it",
      `  replace what runs on ${hosts.join(", ")}`,
    ].join("\n"),
  };
}
