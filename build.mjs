import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";

const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));

/** The chunks that an entry is made of, the entry's own first. */
async function bundle(input, define = {}) {
  const build = await rolldown({ input, platform: "node", transform: { target: "node20", define } });
  const { output } = await build.generate({
    format: "cjs",
    strict: true,
    dynamicImportInCjs: false,
    chunkFileNames: "[name]-[hash].js",
    // Read as Latin-1, which costs less than UTF-8.
    charset: "ascii",
    comments: false,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await build.close();
  return output;
}

/** One file with a function a chunk, and where each is in it: its name, and its first byte, length and line. */
function pack(chunks) {
  const places = {};
  let text = "";
  let line = 0;
  for (const { fileName, code } of chunks) {
    const wrapped = `(function(exports,require,module,__filename){${code.trimEnd()}\n})`;
    places[`./${fileName}`] = [text.length, wrapped.length, line];
    text += `${wrapped}\n`;
    line += wrapped.split("\n").length;
  }
  if (Buffer.byteLength(text) > text.length) throw new Error("not all of it is ASCII: places would be wrong");
  return { text, places };
}

/** In one step: whoever starts meanwhile runs the last build or this one, and who runs is not disturbed. */
async function place(name, content, mode = 0o644) {
  const temporary = join("dist", `${name}.new-${process.pid}`);
  await writeFile(temporary, content);
  await chmod(temporary, mode);
  await rename(temporary, join("dist", name));
}

// Each verb's own code is a chunk of its own, loaded when the verb runs.
const chunks = await bundle("src/cli/main.ts");
const { text, places } = pack(chunks);
const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
const program = { file: `program-${hash}.js`, entry: `./${chunks[0].fileName}`, chunks: places };
const define = { ENVCTL_VERSION: JSON.stringify(version), ENVCTL_PROGRAM: JSON.stringify(program) };
const [starter, ...loader] = await bundle("src/cli/envctl.ts", define);

await mkdir("dist", { recursive: true });
const files = new Map([
  [program.file, text],
  ...loader.map(({ fileName, code }) => [fileName, code]),
  // CommonJS, which Node starts 10 ms sooner than a module.
  ["package.json", '{ "type": "commonjs" }\n'],
]);
for (const [name, content] of files) await place(name, content);
// The last, since it names the others.
await place("envctl.js", starter.code, 0o755);
for (const name of await readdir("dist")) {
  const isMade = name === "envctl.js" || files.has(name) || name.includes(".new-");
  if (!isMade) await rm(join("dist", name), { recursive: true, force: true });
}
