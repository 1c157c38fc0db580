import { textOf } from "../base/json.ts";
import type { Detection, Folder } from "./detection.ts";
import { frameworkOf, isDevelopmentServer } from "./node-framework.ts";
import { lockNotes, type PackageManager, packageManagerOf } from "./node-manager.ts";
import { nodeMajorFor, pinnedMajor } from "./node-version.ts";
import { hintsIn, portIn } from "./source-hints.ts";

/** What to take where the project names no version. */
const usualMajor = "24";
const entries = ["server", "index", "app", "main", "src/server", "src/index", "src/app", "src/main"];

/** A program that Node runs, or a site that Node builds (`node-static`). */
export function detectNode(folder: Folder): Detection {
  const manifest = readManifest(folder);
  const version = nodeVersion(folder, manifest);
  const manager = packageManagerOf(folder, manifest.fields.packageManager, Number(version));
  const framework = frameworkOf(folder, manifest.dependencies);
  const start = startScript(manifest);
  const found = (more?: string) =>
    `package.json (${[manager.name, `Node ${version}`, more].filter(Boolean).join(", ")})`;
  const builds = manifest.scripts.build !== undefined;
  const common = { version, prepare: manager.prepare, ...manifestsOf(folder, manifest, manager) };
  const build = builds ? `${manager.name} run build` : "";
  const aboutLock = manifest.dependencies.size > 0 ? lockNotes(folder, manager) : [];

  if (builds && start === undefined && framework && "folder" in framework.output) {
    return {
      kind: "node-static",
      found: found(framework.name),
      port: 8080,
      health: { path: "/" },
      values: {
        ...common,
        install: installation(manager, manifest, true),
        build,
        folder: framework.output.folder,
        fallback: "/index.html",
        clean: "",
      },
      notes: aboutLock,
    };
  }
  const entry = entryOf(folder, manifest);
  const command =
    start === undefined && framework && "command" in framework.output
      ? framework.output.command
      : commandOf(start, entry, manifest);
  const hints = hintsIn(folder, [...sourcesOf(command), ...entries.flatMap((name) => [`${name}.js`, `${name}.ts`])]);
  const notes =
    start === undefined && entry === undefined && !framework
      ? ['package.json tells no program: no script "start", no "main"; the Dockerfile starts index.js']
      : [];
  return {
    kind: "node",
    found: found(framework?.name),
    port: portIn(start ?? "") ?? portOption(start ?? "") ?? hints.port ?? 3000,
    health: hints.health,
    values: {
      ...common,
      install: installation(manager, manifest, builds),
      build,
      prune: builds ? manager.prune : "",
      copy: builds ? "" : "yes",
      from: builds ? "build" : "dependencies",
      command: JSON.stringify(command),
    },
    notes: [...notes, ...aboutLock],
  };
}

/** True where a package.json is only there for its tools: nothing in it starts or builds anything. */
export function isOnlyTools(folder: Folder): boolean {
  const manifest = readManifest(folder);
  return startScript(manifest) === undefined && manifest.scripts.build === undefined && !entryOf(folder, manifest);
}

interface Manifest {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: ReadonlySet<string>;
  /** Packages that are installed from this folder. */
  readonly hasLocal: boolean;
}

function readManifest(folder: Folder): Manifest {
  const fields = parseObject(folder.read("package.json") ?? "{}");
  const scripts = Object.entries(asObject(fields.scripts)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const dependencies = [fields.dependencies, fields.devDependencies].flatMap((value) =>
    Object.entries(asObject(value)),
  );
  return {
    fields,
    scripts: Object.fromEntries(scripts),
    dependencies: new Set(dependencies.map(([name]) => name)),
    hasLocal: dependencies.some(([, range]) => /^(?:file|link|portal|workspace):/.test(textOf(range))),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    // The package manager will say what is wrong with it; the rest of the template does not depend on it.
    return {};
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function startScript({ scripts }: Manifest): string | undefined {
  const script = scripts["start:prod"] ?? scripts["start:production"] ?? scripts.start;
  return script === undefined || isDevelopmentServer(script) ? undefined : script;
}

function entryOf(folder: Folder, { fields }: Manifest): string | undefined {
  const { main } = fields;
  const named = typeof main === "string" && /^[\w@./-]+$/.test(main) && folder.has(main) ? main : undefined;
  return named ?? entries.flatMap((name) => [`${name}.js`, `${name}.mjs`]).find((file) => folder.has(file));
}

/** The program itself where the script is that simple: through npm, a shell stands between the engine's signals and it. */
function commandOf(start: string | undefined, entry: string | undefined, manifest: Manifest): readonly string[] {
  if (start === undefined) return ["node", entry ?? "index.js"];
  const plain = start.trim().replace(/^(?:cross-env )?NODE_ENV=production /, "");
  const words = plain.split(/ +/);
  const [program = ""] = words;
  if (/^[\w@./:=, -]+$/.test(plain) && program === "node") return words;
  if (/^[\w@./:=, -]+$/.test(plain) && manifest.dependencies.has(program) && /^[a-z][a-z-]*$/.test(program))
    return [`node_modules/.bin/${program}`, ...words.slice(1)];
  const name = ["start:prod", "start:production", "start"].find((script) => manifest.scripts[script] === start);
  return name === "start" ? ["npm", "start"] : ["npm", "run", name ?? "start"];
}

/** The program's file, and what it was compiled from. */
function sourcesOf(command: readonly string[]): string[] {
  const file = command.slice(1).find((word) => !word.startsWith("-"));
  if (file === undefined) return [];
  const source = file.replace(/^(?:\.\/)?(?:dist|build|out|lib)\//, "src/").replace(/(?:\.[cm]?js)?$/, ".ts");
  return [file, `${file}.js`, source];
}

function portOption(script: string): number | undefined {
  const port = Number(/(?:^|\s)(?:--port|-p)[= ](\d{2,5})\b/.exec(script)?.[1]);
  return port <= 65_535 ? port : undefined;
}

function nodeVersion(folder: Folder, { fields }: Manifest): string {
  const pinned = pinnedMajor(folder.read(".nvmrc") ?? folder.read(".node-version") ?? "");
  const { node } = asObject(fields.engines);
  return pinned ?? (typeof node === "string" ? nodeMajorFor(node) : undefined) ?? usualMajor;
}

/** Which files are copied before the packages are installed: few, so that this layer is kept while only sources change. */
function manifestsOf(folder: Folder, manifest: Manifest, manager: PackageManager) {
  const { fields, scripts } = manifest;
  const hooks = ["preinstall", "install", "postinstall"].some((name) => scripts[name] !== undefined);
  // Members of a workspace, local packages, patches and hooks of the installation are spread over the folder.
  const spread = manifest.hasLocal || fields.workspaces !== undefined || isWorkspace(folder);
  const whole = spread || hooks || folder.list("patches").length > 0;
  const files = ["package.json", ...manager.manifests].filter((file) => folder.has(file));
  // The program itself, its plugins and patches of packages: what .yarnrc.yml and package.json name there must be there.
  const kept = ["releases", "plugins", "patches"].some((name) => folder.list(`.yarn/${name}`).length > 0);
  return {
    manifests: whole ? "." : files.join(" ") || "package.json",
    few: whole ? "" : "yes",
    whole: whole ? "yes" : "",
    yarn: manager.name === "yarn" && kept && !whole ? "yes" : "",
  };
}

function isWorkspace(folder: Folder): boolean {
  return /^packages:/m.test(folder.read("pnpm-workspace.yaml") ?? "");
}

/** `prepare` is for developers (git hooks, mostly), and what it calls isn't there without their packages. */
function installation(manager: PackageManager, { scripts }: Manifest, builds: boolean): string {
  const install = builds ? manager.install : manager.installProduction;
  return scripts.prepare === undefined || builds ? install : `npm pkg delete scripts.prepare && ${install}`;
}
