import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { gateNames } from "../environment/gates.ts";
import type { Stage } from "../environment/model.ts";
import { isPartOf, type JudgedGate } from "../plan/gates/judged-gate.ts";

/** Gates that somebody wants to pass although they are closed, and why. */
export interface Overrides {
  readonly gates: readonly string[];
  readonly reason: string;
}

/**
 * What was typed, where the environment file allows it. Throws `usage` (exit 2) without a reason or for what is no gate, and
 * `override-refused` (exit 3) for a gate that nobody may pass.
 */
export function readOverrides(stage: Stage, gates: readonly string[], reason: string | undefined): Overrides {
  const why = reason?.trim() ?? "";
  if (gates.length === 0) {
    if (reason !== undefined)
      throw usage("--reason says why a gate is passed, but --override names none", "--override <gate>");
    return { gates: [], reason: "" };
  }
  for (const gate of gates) {
    if (gate === "verified" || gateNames.some((name) => name === gate)) continue;
    const meant = didYouMean(gate, gateNames);
    throw usage(
      `there is no gate "${gate}"${meant ? `; did you mean "${meant}"?` : ""}`,
      `envctl gates ${stage.name} shows those of ${stage.name}`,
    );
  }
  const refused = gates.filter((gate) => !stage.gates.overridable.some((name) => isPartOf(gate, name)));
  if (refused.length > 0) throw mayNot(stage, refused);
  if (why === "") throw usage("a gate is passed for a reason, which the history keeps", '--reason "why"');
  return { gates: [...new Set(gates)], reason: why };
}

export function isOverridden({ gates }: Overrides, { gate, open }: JudgedGate): boolean {
  return !open && gates.some((name) => isPartOf(gate, name));
}

function mayNot(stage: Stage, refused: readonly string[]): EnvctlError {
  const { overridable } = stage.gates;
  return new EnvctlError({
    code: "override-refused",
    exitCode: ExitCode.gateClosed,
    what: `the environment file lets nobody pass ${refused.join(" and ")} of ${stage.name}`,
    where: `stages.${stage.name}.gates.overridable`,
    state: "nothing was touched",
    next:
      overridable.length === 0
        ? "nothing of this stage may be passed: open the gate, or change the file"
        : `what may be passed: ${overridable.join(", ")}`,
  });
}

function usage(what: string, next: string): EnvctlError {
  return new EnvctlError({ code: "usage", exitCode: ExitCode.usage, what, state: "nothing was touched", next });
}
