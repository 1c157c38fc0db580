import { posix } from "node:path";

/** Manifests and lock files of package managers: what is installed depends on them, also where no RUN of the image says so. */
const names = new Set([
  ...["package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", ".yarnrc.yml", ".npmrc"],
  ...["pnpm-lock.yaml", "pnpm-workspace.yaml", "bun.lock", "bun.lockb", "deno.lock"],
  ...["pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock", "pdm.lock"],
  ...["go.mod", "go.sum", "go.work", "go.work.sum", "Cargo.toml", "Cargo.lock"],
  ...["Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "mix.exs", "mix.lock"],
  ...["pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.lockfile"],
  ...["packages.lock.json", "Directory.Packages.props", "environment.yml"],
]);

const patterns = [
  /^(?:[\w.-]*-)?requirements(?:[-_.][\w.-]*)?\.(?:txt|in)$/,
  /^constraints\.txt$/,
  /\.(?:cs|fs|vb)proj$/,
  /\.gemspec$/,
];

/** What packages brought along themselves says nothing about the project. */
const installed = /(?:^|\/)(?:node_modules|vendor|site-packages|\.venv|venv)\//;

export function isPackageFile(path: string): boolean {
  if (installed.test(path)) return false;
  const name = posix.basename(path);
  return names.has(name) || patterns.some((pattern) => pattern.test(name));
}
