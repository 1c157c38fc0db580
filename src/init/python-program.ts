import type { Folder } from "./detection.ts";

interface Program {
  readonly framework: string | undefined;
  /** The file that begins it, where one was found. */
  readonly file: string | undefined;
  /** With `{{port}}` where it is told its port: which one, the person may still say. */
  readonly command: readonly string[];
  readonly notes: readonly string[];
}

/** Finds what starts a Python project, by the packages it wants and by what its files say. */
export function findProgram(folder: Folder, wanted: string): Program {
  const wants = (name: string) => new RegExp(`(?:^|[^\\w-])${name}(?![\\w-])`, "m").test(wanted);
  const django = folder.has("manage.py") ? djangoPackage(folder) : undefined;
  if (django !== undefined) {
    const served = wants("gunicorn");
    return {
      framework: "Django",
      file: "manage.py",
      command: served
        ? ["gunicorn", "--bind", "0.0.0.0:{{port}}", `${django}.wsgi`]
        : ["python3", "manage.py", "runserver", "--noreload", "0.0.0.0:{{port}}"],
      notes: [
        ...(served ? [] : ["Django's own server is for development: add gunicorn to the requirements"]),
        "Django answers only for hosts in ALLOWED_HOSTS: let an environment variable set it",
      ],
    };
  }
  const application = findApplication(folder);
  const target = application ?? { object: "app", framework: undefined, ...mainModule(folder) };
  const name = `${target.module}:${target.object}`;
  if (target.framework === "asgi" || (target.framework === undefined && wants("fastapi"))) {
    const served = wants("uvicorn") || /fastapi\[(?:standard|all)\]/.test(wanted);
    return {
      framework: "ASGI",
      file: target.file,
      command: ["uvicorn", name, "--host", "0.0.0.0", "--port", "{{port}}"],
      notes: served ? [] : ["nothing here serves the application: add uvicorn to the requirements"],
    };
  }
  if (target.framework === "wsgi" || (target.framework === undefined && wants("flask"))) {
    const served = wants("gunicorn");
    return {
      framework: "WSGI",
      file: target.file,
      command: served
        ? ["gunicorn", "--bind", "0.0.0.0:{{port}}", name]
        : ["flask", "--app", name, "run", "--host", "0.0.0.0", "--port", "{{port}}"],
      notes: served ? [] : ["Flask's own server is for development: add gunicorn to the requirements"],
    };
  }
  const { file, module } = mainModule(folder);
  return {
    framework: undefined,
    file,
    command: ["python3", ...(file?.endsWith("/__main__.py") ? ["-m", module] : [file ?? "main.py"])],
    notes: file === undefined ? ["nothing tells what starts this: the Dockerfile starts main.py"] : [],
  };
}

interface Module {
  readonly file: string | undefined;
  /** Dotted, from the folder that Python looks in. */
  readonly module: string;
}

const usual = ["main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "application.py", "api.py"];

/** Files that may begin the program: those at the top, then in each package of the folder or of `src`. */
function* candidates(folder: Folder): Generator<{ readonly file: string; readonly module: string }> {
  for (const root of ["", "src/"]) {
    for (const file of usual) yield { file: `${root}${file}`, module: file.slice(0, -3) };
    for (const name of folder.list(root === "" ? "." : "src")) {
      if (!/^[A-Za-z_]\w*$/.test(name) || name === "src") continue;
      for (const file of ["__init__.py", ...usual]) {
        const module = file === "__init__.py" ? name : `${name}.${file.slice(0, -3)}`;
        yield { file: `${root}${name}/${file}`, module };
      }
      yield { file: `${root}${name}/__main__.py`, module: name };
    }
  }
}

function mainModule(folder: Folder): Module {
  for (const candidate of candidates(folder)) {
    if (!candidate.file.endsWith("__init__.py") && folder.has(candidate.file)) return candidate;
  }
  return { file: undefined, module: "main" };
}

/** `app = FastAPI(…)` at the left edge of a file. */
function findApplication(folder: Folder): (Module & { object: string; framework: "asgi" | "wsgi" }) | undefined {
  const made = /^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?(FastAPI|Starlette|Litestar|Quart|Flask|Bottle)\(/m;
  for (const candidate of candidates(folder)) {
    const match = made.exec(folder.read(candidate.file) ?? "");
    if (!match?.[1]) continue;
    const framework = match[2] === "Flask" || match[2] === "Bottle" ? "wsgi" : "asgi";
    return { ...candidate, object: match[1], framework };
  }
  return undefined;
}

function djangoPackage(folder: Folder): string | undefined {
  const named = /DJANGO_SETTINGS_MODULE["'],\s*["']([A-Za-z_]\w*)\./.exec(folder.read("manage.py") ?? "")?.[1];
  const names = [
    ...(named === undefined ? [] : [named]),
    ...folder.list().filter((name) => /^[A-Za-z_]\w*$/.test(name)),
  ];
  return names.find((name) => folder.has(`${name}/wsgi.py`));
}
