import type { Detection, Folder } from "./detection.ts";

interface Manager {
  readonly lock: string;
  readonly install: string;
  readonly run: string;
}

const managers: readonly Manager[] = [
  { lock: "pnpm-lock.yaml", install: "corepack enable && pnpm install --frozen-lockfile", run: "pnpm run" },
  { lock: "yarn.lock", install: "corepack enable && yarn install --immutable", run: "yarn run" },
  { lock: "package-lock.json", install: "npm ci", run: "npm run" },
];
const fallback: Manager = { lock: "", install: "npm install --no-audit --no-fund", run: "npm run" };

export function detectNode(folder: Folder): Detection {
  const manifest = readManifest(folder.read("package.json"));
  const manager = managers.find(({ lock }) => folder.has(lock)) ?? fallback;
  const scripts = isObject(manifest.scripts) ? manifest.scripts : {};
  const manifests = ["package.json", manager.lock, ".npmrc", "pnpm-workspace.yaml"].filter(
    (file) => file !== "" && folder.has(file),
  );
  const main =
    typeof manifest.main === "string"
      ? manifest.main
      : ["server.js", "index.js", "app.js", "src/index.js"].find((file) => folder.has(file));
  const command = typeof scripts.start === "string" ? startCommand(scripts.start) : ["node", main ?? "index.js"];
  return {
    kind: "node",
    port: 3000,
    healthPath: undefined,
    values: {
      version: nodeVersion(manifest),
      manifests: manifests.join(" "),
      install: manager.install,
      build: typeof scripts.build === "string" ? `${manager.run} build` : "true",
      command: JSON.stringify(command),
    },
  };
}

/** `node server.js` runs as it is: through npm, the signals that end it would not arrive. */
function startCommand(script: string): string[] {
  return /^node [\w./ -]+$/.test(script) ? script.split(/ +/) : ["npm", "start"];
}

function nodeVersion(manifest: Record<string, unknown>): string {
  const engines = isObject(manifest.engines) ? manifest.engines.node : undefined;
  return (typeof engines === "string" ? /\d{2}/.exec(engines)?.[0] : undefined) ?? "20";
}

function readManifest(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    // npm will say what is wrong with it; the rest of the template does not depend on it.
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
