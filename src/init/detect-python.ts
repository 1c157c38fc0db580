import type { Detection, Folder } from "./detection.ts";
import { findProgram } from "./python-program.ts";
import { hintsIn } from "./source-hints.ts";

export function detectPython(folder: Folder): Detection {
  const files = ["requirements.txt", "pyproject.toml", "Pipfile"];
  const wanted = files
    .map((file) => folder.read(file) ?? "")
    .join("\n")
    .toLowerCase();
  const version = pythonVersion(folder);
  const installation = installationOf(folder);
  const program = findProgram(folder, wanted);
  const hints = hintsIn(folder, program.file === undefined ? [] : [program.file]);
  // Servers of frameworks are told their port; only a plain script says its own.
  const port = program.framework === undefined ? (hints.port ?? 8000) : 8000;
  const found = [installation.tool, program.framework].filter(Boolean).join(", ");
  return {
    kind: "python",
    found: `${installation.manifest ?? program.file ?? "Python"}${found === "" ? "" : ` (${found})`}`,
    port,
    health: hints.health,
    values: {
      version,
      manifests: installation.copied,
      whole: installation.copied === "." ? "yes" : "",
      few: installation.copied === "." || installation.copied === "" ? "" : "yes",
      prepare: installation.prepare,
      install: installation.install,
      sources: folder.list("src").length > 0 ? "/app/src" : "",
      command: JSON.stringify(program.command),
    },
    notes: [...program.notes, ...(installation.install === "" ? lockless(folder) : [])],
  };
}

/** These tools say what to install in a lock file alone: without one, a program would start without its packages. */
function lockless(folder: Folder): string[] {
  const poetry = /^\s*\[tool\.poetry\.dependencies\]/m.test(folder.read("pyproject.toml") ?? "");
  const [lock, command] = poetry ? ["poetry.lock", "poetry lock"] : ["Pipfile.lock", "pipenv lock"];
  if (!poetry && !folder.has("Pipfile")) return [];
  return [`no ${lock}: the Dockerfile installs no packages; ${command}, then envctl init --force`];
}

interface Installation {
  readonly manifest: string | undefined;
  readonly tool: string;
  /** Files that decide what is installed; `.` for all. */
  readonly copied: string;
  readonly prepare: string;
  readonly install: string;
}

/** The dependencies alone: the project's own code comes in a later layer. */
function installationOf(folder: Folder): Installation {
  const project = folder.read("pyproject.toml");
  if (project !== undefined && folder.has("uv.lock"))
    return {
      manifest: "uv.lock",
      tool: "uv",
      copied: manifests(project, "pyproject.toml uv.lock"),
      prepare: "pip install uv",
      install: "UV_PROJECT_ENVIRONMENT=/venv uv sync --frozen --no-dev --no-install-project",
    };
  if (project !== undefined && folder.has("poetry.lock"))
    return {
      manifest: "poetry.lock",
      tool: "poetry",
      copied: manifests(project, "pyproject.toml poetry.lock"),
      // In a place of its own: poetry brings packages along that the program may want in another version.
      prepare: "python3 -m venv /poetry && /poetry/bin/pip install poetry",
      install: "VIRTUAL_ENV=/venv /poetry/bin/poetry install --only main --no-root --no-interaction",
    };
  if (folder.has("Pipfile.lock"))
    return {
      manifest: "Pipfile.lock",
      tool: "pipenv",
      copied: manifests(folder.read("Pipfile") ?? "", "Pipfile Pipfile.lock"),
      prepare: "python3 -m venv /pipenv && /pipenv/bin/pip install pipenv",
      install: "VIRTUAL_ENV=/venv /pipenv/bin/pipenv install --deploy --ignore-pipfile",
    };
  const requirements = folder.read("requirements.txt");
  if (requirements !== undefined) {
    // Other files of requirements, and packages in this folder, are installed from where they stand.
    const elsewhere =
      /^\s*(?:-r|-c|-e|--requirement|--constraint|--editable|\.{1,2}(?:\/|\s*$)|[\w./-]+\/[\w./-]+\s*$)/m;
    return {
      manifest: "requirements.txt",
      tool: "pip",
      copied: elsewhere.test(requirements) ? "." : "requirements.txt",
      prepare: "",
      install: "pip install -r requirements.txt",
    };
  }
  const none = { tool: "", prepare: "", copied: "", install: "" };
  if (project === undefined || !/^\s*dependencies\s*=/m.test(project))
    return { ...none, manifest: project === undefined ? undefined : "pyproject.toml" };
  return {
    manifest: "pyproject.toml",
    tool: "pip",
    copied: "pyproject.toml",
    prepare: "",
    install: `python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"].get("dependencies", []), sep="\\n")' >/tmp/requirements.txt && pip install -r /tmp/requirements.txt`,
  };
}

/** Where packages of this very folder are among what is installed, all of it is needed: a path in an inline table, or a workspace. */
function manifests(text: string, files: string): string {
  return /^\s*\[tool\.uv\.workspace\]|\{[^}\n]*\b(?:path|workspace)\s*=/m.test(text) ? "." : files;
}

/** The minor that the project pins; 3 where any will do. */
function pythonVersion(folder: Folder): string {
  const pinned = /^\s*(?:python-)?(3\.\d{1,2})\b/.exec(
    folder.read(".python-version") ?? folder.read("runtime.txt") ?? "",
  );
  if (pinned?.[1]) return pinned[1];
  const wanted = /^\s*(?:requires-python|python|python_version)\s*=\s*"([^"]*)"/m;
  const range = wanted.exec(folder.read("pyproject.toml") ?? folder.read("Pipfile") ?? "")?.[1] ?? "";
  const exact = /^\s*(?:==|~=|~)?\s*(3\.\d{1,2})(?:\.[\d*]+)?\s*$/.exec(range)?.[1];
  if (exact !== undefined) return exact;
  const below = Number(/<\s*3\.(\d{1,2})/.exec(range)?.[1]);
  // "<3.14" leaves 3.13.
  return below > 1 ? `3.${below - 1}` : "3";
}
