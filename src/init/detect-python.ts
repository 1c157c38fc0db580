import type { Detection, Folder } from "./detection.ts";

export function detectPython(folder: Folder): Detection {
  const requirements = folder.read("requirements.txt");
  const project = folder.read("pyproject.toml");
  const wanted = `${requirements ?? ""}\n${project ?? ""}`.toLowerCase();
  const script = ["main.py", "app.py", "server.py", "wsgi.py"].find((file) => folder.has(file)) ?? "main.py";
  const module = script.replace(/\.py$/, "");
  const port = 8000;
  const command = commandFor(wanted, folder, script, module, port);
  const manifests = ["requirements.txt", "pyproject.toml", "poetry.lock", "uv.lock"].filter((file) => folder.has(file));
  return {
    kind: "python",
    port,
    healthPath: undefined,
    values: {
      version: "3",
      manifests: manifests.join(" ") || "requirements.txt",
      // A project's dependencies alone: its own code comes in a later layer.
      install: requirements !== undefined ? "pip install -r requirements.txt" : "pip install .",
      command: JSON.stringify(command),
    },
  };
}

function commandFor(wanted: string, folder: Folder, script: string, module: string, port: number): string[] {
  if (/\bfastapi\b|\buvicorn\b/.test(wanted))
    return ["uvicorn", `${module}:app`, "--host", "0.0.0.0", "--port", String(port)];
  const django = folder.has("manage.py") ? folder.names.find((name) => folder.has(`${name}/wsgi.py`)) : undefined;
  if (/\bgunicorn\b/.test(wanted))
    return ["gunicorn", "--bind", `0.0.0.0:${port}`, django ? `${django}.wsgi` : `${module}:app`];
  if (django) return ["python", "manage.py", "runserver", `0.0.0.0:${port}`];
  if (/\bflask\b/.test(wanted)) return ["flask", "--app", module, "run", "--host", "0.0.0.0", "--port", String(port)];
  return ["python3", script];
}
