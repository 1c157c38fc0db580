import { hash } from "node:crypto";
import { basename, join } from "node:path";
import { Script } from "node:vm";
import { cacheDirectory } from "../../base/cache-directory.ts";
import { CompiledCode } from "./compiled-code.ts";
import { type Program, ProgramFile } from "./program-file.ts";

type Require = (name: string) => unknown;
type Chunk = (exports: object, require: Require, module: { exports: object }, path: string) => void;
type Variables = Readonly<Record<string, string | undefined>>;

/** Loads the entry's chunk; the others when they are asked for. `compiled` is to be saved once the program has run. */
export function loadProgram<Entry>(
  folder: string,
  program: Program,
  variables: Variables,
): { readonly entry: Entry; readonly compiled: CompiledCode } {
  const file = new ProgramFile(folder, program);
  const compiled = new CompiledCode(join(cacheDirectory(variables), "code"), buildOf(program, variables));
  // Compiled code brings along the name that its source had then: so it is the same wherever envctl is installed.
  const filename = join("envctl", "dist", program.file);
  const modules = new Map<string, { exports: object }>();
  const require: Require = (name) => {
    const known = modules.get(name);
    if (known) return known.exports;
    const chunk = file.read(name);
    if (!chunk) return process.getBuiltinModule(name);
    const cachedData = compiled.find(name);
    const script = new Script(chunk.source, { filename, lineOffset: chunk.line, cachedData });
    if (!cachedData || script.cachedDataRejected) compiled.add(name, script);
    const module = { exports: {} };
    modules.set(name, module);
    (script.runInThisContext() as Chunk)(module.exports, require, module, file.path);
    return module.exports;
  };
  return { entry: require(program.entry) as Entry, compiled };
}

/** Names what was compiled, and what compiled it: V8 refuses code of another version of it, or of other flags. */
function buildOf({ file }: Program, { NODE_OPTIONS = "" }: Variables): string {
  const flags = [NODE_OPTIONS, ...process.execArgv].join(" ");
  const suffix = flags === "" ? "" : `-${hash("sha256", flags).slice(0, 8)}`;
  return `${basename(file, ".js")}-${process.version}-${process.arch}${suffix}`;
}
