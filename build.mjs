import { chmod, readFile, rm } from "node:fs/promises";
import { build } from "esbuild";

const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));
await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: ["src/cli/envctl.ts"],
  outdir: "dist",
  bundle: true,
  // Each verb's own code is a chunk of its own, loaded when the verb runs.
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  define: { ENVCTL_VERSION: JSON.stringify(version) },
  // Libraries in CommonJS ask for Node's own modules by `require`.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
await chmod("dist/envctl.js", 0o755);
