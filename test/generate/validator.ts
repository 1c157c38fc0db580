import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const root = new URL("../../", import.meta.url);
const target = fileURLToPath(new URL("src/environment/validator.generated.js", root));

/** The schema's validator as a module without imports: ajv itself would cost every start-up its compile time. */
export async function generateValidator(): Promise<string> {
  const schema: unknown = JSON.parse(await readFile(new URL("schemas/envctl.schema.json", root), "utf8"));
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
    verbose: true,
    code: { source: true, esm: true },
  });
  const validate = ajv.compile(schema as object);
  const generate = standalone as unknown as (instance: Ajv2020, compiled: unknown) => string;
  const bundled = await build({
    stdin: { contents: generate(ajv, validate), resolveDir: fileURLToPath(root), loader: "js" },
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
    minify: true,
    legalComments: "none",
  });
  return `// Generated from schemas/envctl.schema.json by \`npm run generate\`. Do not edit.\n${bundled.outputFiles[0]?.text ?? ""}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(target, await generateValidator());
