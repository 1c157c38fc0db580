import type { Folder } from "./detection.ts";

/** How a project's packages are installed. */
export interface PackageManager {
  readonly name: "npm" | "pnpm" | "yarn";
  /** What the base image lacks to run it. Empty: nothing. */
  readonly prepare: string;
  /** With what only the build needs. */
  readonly install: string;
  /** Without it. */
  readonly installProduction: string;
  /** Takes away what only the build needed. */
  readonly prune: string;
  /** Files that decide what is installed, beside package.json. */
  readonly manifests: readonly string[];
}

/**
 * The package manager that `packageManager` names (Node's corepack field), else the one whose lock file is there. `node` is
 * the major of the image that it is to run in.
 */
export function packageManagerOf(folder: Folder, field: unknown, node: number): PackageManager {
  const [, named, version] = (typeof field === "string" && /^(npm|pnpm|yarn)@(\d+)/.exec(field)) || [];
  const name = named ?? (folder.has("pnpm-lock.yaml") ? "pnpm" : folder.has("yarn.lock") ? "yarn" : "npm");
  if (name === "pnpm") return pnpm(folder, node);
  if (name === "yarn") return isModernYarn(folder, version) ? modernYarn(node) : classicYarn(folder, node);
  return npm(folder);
}

/** What a build would take the newest of, and not what was tried here. */
export function lockNotes(folder: Folder, manager: PackageManager): string[] {
  const files = ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"];
  if (files.some((file) => folder.has(file))) return [];
  const bun = ["bun.lock", "bun.lockb"].find((file) => folder.has(file));
  if (bun !== undefined)
    return [`${bun} is not read: the Dockerfile installs with ${manager.name} what package.json allows`];
  return [`no lock file: each build installs the newest that package.json allows; ${manager.name} install writes one`];
}

function npm(folder: Folder): PackageManager {
  const lock = ["package-lock.json", "npm-shrinkwrap.json"].find((file) => folder.has(file));
  const install = lock === undefined ? "npm install --no-audit --no-fund" : "npm ci --no-audit --no-fund";
  return {
    name: "npm",
    prepare: "",
    install,
    installProduction: `${install} --omit=dev`,
    prune: "npm prune --omit=dev --no-audit --no-fund",
    manifests: [...(lock === undefined ? [] : [lock]), ".npmrc"],
  };
}

/** Node comes without it from 25 on. By force: the image of 25 still has yarn 1, whose names are corepack's, too. */
function corepack(node: number): string {
  return node < 25 ? "corepack enable" : "npm install --global --force corepack && corepack enable";
}

function pnpm(folder: Folder, node: number): PackageManager {
  const install = folder.has("pnpm-lock.yaml") ? "pnpm install --frozen-lockfile" : "pnpm install";
  return {
    name: "pnpm",
    prepare: corepack(node),
    install,
    installProduction: `${install} --prod`,
    prune: "CI=true pnpm prune --prod",
    manifests: ["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ".pnpmfile.cjs"],
  };
}

function isModernYarn(folder: Folder, version: string | undefined): boolean {
  return version === undefined ? folder.has(".yarnrc.yml") : Number(version) >= 2;
}

function classicYarn(folder: Folder, node: number): PackageManager {
  const install = folder.has("yarn.lock") ? "yarn install --frozen-lockfile" : "yarn install";
  const installProduction = `${install} --production`;
  return {
    name: "yarn",
    // Images of Node have it up to 25.
    prepare: node < 26 ? "" : "npm install --global yarn@1",
    install,
    installProduction,
    prune: `${installProduction} --ignore-scripts --prefer-offline`,
    manifests: ["yarn.lock", ".npmrc", ".yarnrc"],
  };
}

function modernYarn(node: number): PackageManager {
  return {
    name: "yarn",
    // Without node_modules, only `yarn node` finds packages, and the image that runs would need yarn.
    prepare: `${corepack(node)} && yarn config set --home nodeLinker node-modules`,
    install: "yarn install --immutable",
    installProduction: "yarn workspaces focus --all --production",
    prune: "yarn workspaces focus --all --production",
    manifests: ["yarn.lock", ".yarnrc.yml"],
  };
}
