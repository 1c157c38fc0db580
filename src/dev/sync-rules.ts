import { posix, relative } from "node:path";
import { fixedPart, matchesPath, type PathPattern, parsePathPattern } from "../base/path-pattern.ts";
import type { SyncRule } from "../environment/model.ts";
import { type ImageReading, readImage } from "./image-reading.ts";
import { isPackageFile } from "./package-files.ts";
import { needsRestart, type Program, programOf } from "./program.ts";
import type { SyncRulesInput } from "./sync-rules-input.ts";
import type { Trace } from "./trace.ts";
import type { PathKind, SyncTarget, Verdict } from "./verdict.ts";

/** Says of each path of a build context what a change of it is to do. Pure, and never throws. */
export interface SyncRules {
  /** `path` is relative to the context, with slashes; it need not exist. */
  judge(path: string, kind?: PathKind): Verdict;
  /** What runs in the container: why a change needs a restart, or does not. */
  readonly program: Program;
  /** False where only a base image tells what runs, or where COPY puts files: then a built image makes verdicts better. */
  readonly complete: boolean;
}

export function syncRules(input: SyncRulesInput): SyncRules {
  return new Judge(input);
}

const folderWhy = "it is what is in the folder that counts, not the folder itself";

interface CompiledRule {
  readonly rule: SyncRule;
  readonly pattern: PathPattern;
}

class Judge implements SyncRules {
  readonly program: Program;
  readonly complete: boolean;
  readonly #input: SyncRulesInput;
  readonly #reading: ImageReading;
  readonly #rules: readonly CompiledRule[];
  readonly #ownFiles: ReadonlySet<string>;
  /** Paths that make a rebuild whatever they hold, with the reason. */
  readonly #inputs: ReadonlyMap<string, string>;

  constructor(input: SyncRulesInput) {
    const { settings, app, image, built, dockerfile } = input;
    this.#input = input;
    this.#reading = readImage(input);
    this.program = programOf({
      overrides: [settings, app],
      image: built ?? this.#reading.command,
      base: this.#reading.base,
      scripts: input.scripts ?? {},
    });
    const overridden = settings.entrypoint ?? app.entrypoint;
    const knowsProgram = overridden !== undefined || (built ?? this.#reading.command) !== undefined;
    this.complete = knowsProgram && this.#reading.complete;
    this.#rules = settings.rules.flatMap((rule) => {
      const pattern = parsePathPattern(rule.path);
      return pattern ? [{ rule, pattern }] : [];
    });
    const inContext = (path: string) => relative(image.context, path);
    this.#ownFiles = new Set(input.ownFiles.map(inContext));
    const own = `${dockerfile.path}.dockerignore`;
    this.#inputs = new Map([
      [inContext(dockerfile.path), "it is the Dockerfile"],
      [inContext(own), "it says what belongs to the build context"],
      // Where the Dockerfile has an ignore file of its own, the common one is a file like any other.
      ...(input.ignoreFile === own ? [] : [[".dockerignore", "it says what belongs to the build context"] as const]),
    ]);
  }

  judge(path: string, kind: PathKind = "file"): Verdict {
    const { ignore, ignoreFile, settings } = this.#input;
    const why = this.#inputs.get(path);
    if (why !== undefined) return { action: "rebuild", why, at: undefined };
    if (this.#ownFiles.has(path))
      return { action: "ignore", why: "it is envctl's own: what it says is taken up at once" };
    if (ignore.excludes(path)) {
      return { action: "ignore", why: `${ignoreFile ? posix.basename(ignoreFile) : ".dockerignore"} leaves it out` };
    }
    const ruled = this.#byRule(path, kind);
    if (ruled) return ruled;
    if (settings.sync === "none") {
      return { action: "rebuild", why: "no rule says anything else, and `dev.sync` is `none`", at: undefined };
    }
    return this.#inferred(path, kind);
  }

  #byRule(path: string, kind: PathKind): Verdict | undefined {
    const { directory, image } = this.#input;
    const seen = posix.join(relative(directory, image.context), path);
    const found = this.#rules.find(({ pattern }) => matchesPath(pattern, seen));
    if (!found) return undefined;
    const { rule, pattern } = found;
    const at = this.#placeOf(rule.position.file, rule.position.line);
    const why = `the rule for \`${rule.path}\` says so`;
    if (rule.action === "ignore") return { action: "ignore", why: `${why} (${at})` };
    if (rule.action === "rebuild") return { action: "rebuild", why, at };
    const targets = rule.target === undefined ? this.#trace(path, kind).placements : ruleTargets(rule, pattern, seen);
    if (targets.length === 0) {
      // The folder that a COPY names is not copied itself: only what is in it.
      if (kind === "directory") return { action: "ignore", why: folderWhy };
      return {
        action: "rebuild",
        why: `the rule for \`${rule.path}\` gives no \`target\`, and the Dockerfile copies it to no place that is known`,
        at,
      };
    }
    const run = rule.run === undefined ? [] : [rule.run];
    return { action: "sync", targets: targets.map(plain), restart: rule.action === "sync+restart", run, why, at };
  }

  #inferred(path: string, kind: PathKind): Verdict {
    const trouble = this.#reading.trouble ?? this.#reading.followed(path);
    if (trouble) return { action: "rebuild", why: trouble.why, at: this.#line(trouble.line) };
    const { placements, used } = this.#trace(path, kind);
    if (used) return { action: "rebuild", why: used.why, at: this.#line(used.line) };
    const [first] = placements;
    if (!first && kind === "directory") return { action: "ignore", why: folderWhy };
    if (!first) return { action: "ignore", why: this.#noTrace };
    if (isPackageFile(path)) {
      return { action: "rebuild", why: "packages are installed by it", at: this.#line(first.line) };
    }
    const seen = placements.filter((placement) => !this.#isCovered(placement.path));
    if (seen.length === 0) {
      return { action: "ignore", why: `a volume covers ${first.path}: nobody sees what the image has there` };
    }
    return {
      action: "sync",
      targets: seen.map(plain),
      restart: seen.some((placement) => needsRestart(this.program, placement.path)),
      run: [],
      why: "it is only copied, and nothing that is built uses it",
      at: this.#line(first.line),
    };
  }

  get #noTrace(): string {
    const { unknownBase } = this.#reading;
    const unless = unknownBase === undefined ? "" : ` (whether ${unknownBase} does by ONBUILD is not known)`;
    return `the image has no trace of it: no COPY takes it into the last stage${unless}`;
  }

  #trace(path: string, kind: PathKind): Trace {
    return this.#reading.trace(path, kind);
  }

  #isCovered(path: string): boolean {
    return this.#input.app.volumes.some(({ target }) => path === target || path.startsWith(`${target}/`));
  }

  #line(line: number | undefined): string | undefined {
    return line === undefined ? undefined : this.#placeOf(this.#input.dockerfile.path, line);
  }

  #placeOf(file: string, line: number): string {
    return `${relative(this.#input.directory, file)}:${line}`;
  }
}

function plain({ path, owner, mode, layer }: SyncTarget): SyncTarget {
  return { path, owner, mode, layer };
}

/** What a rule names becomes its target: a folder with all that is in it, or a file. */
function ruleTargets(rule: SyncRule, pattern: PathPattern, path: string): SyncTarget[] {
  const { target = "" } = rule;
  const fixed = fixedPart(pattern);
  const rest = fixed === "." || fixed === "" ? path : path.slice(fixed.length + 1);
  const place =
    rest === "" && target.endsWith("/") ? posix.join(target, posix.basename(path)) : posix.join(target, rest);
  return [
    {
      path: place.replace(/(?<=.)\/$/, ""),
      owner: undefined,
      mode: undefined,
      layer: [Number.MAX_SAFE_INTEGER - rule.position.line],
    },
  ];
}
