import { matchesPath, parsePathPattern } from "../base/path-pattern.ts";
import { mapCopy } from "./copy-mapping.ts";
import { followMode } from "./mode.ts";
import { applyOwner, type Placement } from "./placement.ts";
import type { RunEffect } from "./run-effects.ts";
import type { LayoutStep, StageLayout } from "./stage-layout.ts";
import type { Layer, PathKind, SyncTarget } from "./verdict.ts";

/** What the image makes of one path of the build context. */
export interface Trace {
  /** Where it stands in the image. */
  readonly placements: readonly Placement[];
  /** Why a new image is needed when it changes; undefined where all that happens to it is that it is copied. */
  readonly used: Use | undefined;
}

export interface Use {
  readonly why: string;
  readonly line: number;
}

/** Follows one path of the context through the stages up to the one that is built. */
export function tracePath(stages: readonly StageLayout[], target: number, path: string, kind: PathKind): Trace {
  return new Tracer(stages, path, kind).stage(target);
}

/** By custom, images that take files by themselves are called so: `node:onbuild`. */
const addsByName = /\bonbuild\b/;

type CopyStep = Extract<LayoutStep, { kind: "copy" }>;

interface State {
  placements: Placement[];
  used: Use | undefined;
}

class Tracer {
  readonly #stages: readonly StageLayout[];
  readonly #path: string;
  readonly #kind: PathKind;
  readonly #known = new Map<number, Trace>();

  constructor(stages: readonly StageLayout[], path: string, kind: PathKind) {
    this.#stages = stages;
    this.#path = path;
    this.#kind = kind;
  }

  stage(index: number): Trace {
    const known = this.#known.get(index);
    if (known) return known;
    const layout = this.#stages[index];
    const trace = layout ? this.#through(layout) : { placements: [], used: undefined };
    this.#known.set(index, trace);
    return trace;
  }

  #through(layout: StageLayout): Trace {
    const { from } = layout.stage;
    const state: State = { placements: [], used: undefined };
    if (from.kind === "stage") {
      const parent = this.stage(from.stage);
      state.placements = [...parent.placements];
      state.used = parent.used;
    }
    if (from.kind === "unknown") {
      this.#use(state, "which image or stage this one begins with depends on the builder", layout.stage.line);
    }
    if (!layout.stage.whole && from.kind === "image" && addsByName.test(from.name)) {
      this.#use(state, `what ${from.name} does with it (ONBUILD) is not known`, layout.stage.line);
    }
    for (const [number, step] of layout.steps.entries()) this.#step(state, step, [layout.stage.index, number]);
    return state;
  }

  /** The first reason is the one to tell. */
  #use(state: State, why: string, line: number): void {
    state.used ??= { why, line };
  }

  #step(state: State, step: LayoutStep, layer: Layer): void {
    const { line, text } = step.instruction;
    switch (step.kind) {
      case "strange":
        this.#use(state, `\`${step.instruction.keyword}\` is not known here: it may use any file`, line);
        return;
      case "copy":
        this.#copy(state, step, layer);
        return;
      case "run": {
        for (const mount of step.mounts) {
          if (this.#isMounted(mount)) this.#use(state, `\`${short(text)}\` mounts it`, line);
        }
        if (state.placements.length === 0) return;
        if (step.effects === undefined)
          this.#use(state, `\`${short(text)}\` runs after it is copied, and may use it`, line);
        for (const effect of step.effects ?? []) this.#effect(state, effect, step);
      }
    }
  }

  #isMounted({ from, source }: Extract<LayoutStep, { kind: "run" }>["mounts"][number]): boolean {
    if (from.kind === "context") return source === undefined || isWithin(this.#path, source);
    if (from.kind !== "stage") return from.kind === "unknown";
    const { placements, used } = this.stage(from.stage);
    return used !== undefined || placements.some(({ path }) => source === undefined || isWithin(path.slice(1), source));
  }

  #copy(state: State, step: CopyStep, layer: Layer): void {
    const { from, plan, instruction } = step;
    const { line, text } = instruction;
    if (from.kind === "unknown") {
      this.#use(state, `which stage \`${short(text)}\` copies from is not clear`, line);
      return;
    }
    const source = from.kind === "stage" ? this.stage(from.stage) : undefined;
    if (source?.used) {
      this.#use(state, `${source.used.why}, and \`${short(text)}\` takes what comes of it`, source.used.line);
    }
    const foreign = from.kind === "image" || (from.kind === "stage" && this.#isOpaque(from.stage));
    const anywhere = step.unclear !== undefined || !plan;
    if (foreign && state.placements.some(({ path }) => anywhere || isWithin(path, plan.target))) {
      this.#use(state, `\`${short(text)}\` may put another file in its place`, line);
    }
    state.placements = state.placements.filter(({ path }) => !step.inline.includes(path));
    const { owner, mode } = step;
    if (from.kind === "context") this.#place(state, step, layer, { path: this.#path, owner, mode, layer: [] });
    // Between stages, files keep whose they are.
    for (const kept of source?.placements ?? []) {
      const path = kept.path.slice(1);
      this.#place(state, step, layer, { ...kept, path, owner: owner ?? kept.owner, mode: mode ?? kept.mode });
    }
  }

  /** `taken`: as it is where it is taken from, and below `layer` in the order of what stands at one place. */
  #place(state: State, step: CopyStep, layer: Layer, taken: SyncTarget): void {
    const { instruction, plan } = step;
    const { line } = instruction;
    const quoted = `\`${short(instruction.text)}\``;
    const mapping = plan
      ? mapCopy(plan, taken.path, this.#kind)
      : { kind: "unclear" as const, why: "a variable in it is set by the base image, or by the builder" };
    if (mapping.kind === "not") return;
    const unclear = mapping.kind === "unclear" ? mapping.why : step.unclear;
    if (unclear !== undefined) this.#use(state, `what ${quoted} makes of it is not clear: ${unclear}`, line);
    if (mapping.kind !== "to" || step.unclear !== undefined) return;
    const { owner, mode } = taken;
    const added = Array.from(
      mapping.places,
      ([path, source]): Placement => ({ path, owner, mode, layer: [...layer, source, ...taken.layer], line }),
    );
    state.placements = [...state.placements.filter((old) => !mapping.places.has(old.path)), ...added];
  }

  /** Whether a stage has files that are not the context's. */
  #isOpaque(index: number): boolean {
    const layout = this.#stages[index];
    if (!layout) return true;
    const { from } = layout.stage;
    if (from.kind === "stage" ? this.#isOpaque(from.stage) : from.kind !== "scratch") return true;
    return layout.steps.some(
      (step) =>
        step.kind !== "copy" ||
        step.inline.length > 0 ||
        (step.from.kind === "stage" ? this.#isOpaque(step.from.stage) : step.from.kind !== "context"),
    );
  }

  #effect(state: State, effect: RunEffect, { instruction }: Pick<LayoutStep, "instruction">): void {
    const { line, text } = instruction;
    switch (effect.kind) {
      case "makes-folder":
        return;
      case "reads": {
        const { folders, except } = effect;
        const isRead = ({ path }: Placement) =>
          folders.some((folder) => isWithin(path, folder)) && !except.some((folder) => isWithin(path, folder));
        if (state.placements.some(isRead))
          this.#use(state, `\`${short(text)}\` runs after it is copied, and may use it`, line);
        return;
      }
      case "owner":
        state.placements = state.placements.map((placement) =>
          covers(effect, placement.path) ? applyOwner(placement, effect.owner) : placement,
        );
        return;
      case "mode":
        // chmod passes over links.
        if (this.#kind === "symlink") return;
        state.placements = state.placements.map((placement) =>
          covers(effect, placement.path)
            ? { ...placement, mode: followMode(placement.mode, effect.change) }
            : placement,
        );
        return;
      case "removes":
        this.#remove(state, effect, instruction);
    }
  }

  #remove(
    state: State,
    effect: Extract<RunEffect, { kind: "removes" }>,
    { line, text }: LayoutStep["instruction"],
  ): void {
    if (!effect.wild) {
      state.placements = state.placements.filter(({ path }) => !covers(effect, path));
      return;
    }
    const pattern = parsePathPattern(effect.path);
    const hit = (path: string) => !pattern || matchesPath(pattern, path.slice(1));
    // A shell's `*` passes over names that begin with a dot: what it does to those is not worth telling apart.
    if (state.placements.some(({ path }) => hit(path) && /\/\./.test(path))) {
      this.#use(state, `\`${short(text)}\` may remove it`, line);
    }
    state.placements = state.placements.filter(({ path }) => !hit(path));
  }
}

function covers(effect: { readonly path: string; readonly deep: boolean }, path: string): boolean {
  return effect.deep ? isWithin(path, effect.path) : path === effect.path;
}

function isWithin(path: string, folder: string): boolean {
  return folder === "" || folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

/** An instruction in a line, as messages quote it. */
function short(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
