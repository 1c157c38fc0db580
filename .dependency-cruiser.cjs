/** The layers of docs: cli → work → core → base; adapters know only base and the types they implement. */
const inFolder = (...names) => `^src/(?:${names.join("|")})/`;
const adapters = ["engine", "registry", "proxy", "secrets", "signing", "notify"];
const core = ["plan", "release", "environment"];
const work = ["rollout", "promotion", "dev", "build", "init"];

module.exports = {
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "base-knows-nobody",
      severity: "error",
      from: { path: inFolder("base") },
      to: { path: inFolder("cli", ...work, ...core, ...adapters) },
    },
    {
      name: "core-decides-only",
      severity: "error",
      from: { path: inFolder(...core) },
      to: { path: inFolder("cli", ...work) },
    },
    {
      name: "core-knows-only-types-of-adapters",
      severity: "error",
      from: { path: inFolder(...core) },
      to: { path: inFolder(...adapters), pathNot: "^src/(engine/engine|proxy/(proxy|turn)).ts$" },
    },
    {
      name: "adapters-know-base",
      severity: "error",
      from: { path: inFolder(...adapters) },
      to: { path: inFolder("cli", ...work, ...core) },
    },
    {
      name: "adapters-are-apart",
      severity: "error",
      from: { path: "^src/(engine|registry|proxy|secrets|signing|notify)/" },
      to: { path: inFolder(...adapters), pathNot: "^src/$1/" },
    },
    { name: "work-knows-no-cli", severity: "error", from: { path: inFolder(...work) }, to: { path: inFolder("cli") } },
    {
      name: "core-is-pure",
      severity: "error",
      from: { path: inFolder("plan", "release") },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|path|stream)$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs", ".json"] },
  },
};
