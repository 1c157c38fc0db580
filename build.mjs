import { chmod, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));
const { metafile } = await build({
  entryPoints: ["src/cli/envctl.ts"],
  outdir: "dist",
  bundle: true,
  metafile: true,
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
// Only now, so that a build that fails leaves the last good one as it was.
for (const name of await readdir("dist", { recursive: true })) {
  const path = join("dist", name);
  const isMade = Object.keys(metafile.outputs).some((output) => output === path || output.startsWith(`${path}/`));
  if (!isMade) await rm(path, { recursive: true, force: true });
}
