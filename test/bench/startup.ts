import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { heading, report, run, timeTogether } from "./measure.ts";

const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));

/** What a person waits for before anything happens. */
export async function benchStartup(): Promise<void> {
  heading("Start-up (20 runs each, taking turns)");
  const cwd = mkdtempSync(join(tmpdir(), "envctl-bench-"));
  writeFileSync(
    join(cwd, "envctl.yaml"),
    "name: shop\nimage: { repository: shop }\napp: { port: 80 }\nstages: { dev: {}, test: {}, prod: {} }\n",
  );
  const node =
    (...args: string[]) =>
    () =>
      run(process.execPath, args, { cwd });
  const [floor = 0, version = 0, validate = 0] = await timeTogether(20, [
    node("-e", "0"),
    node(cli, "--version"),
    node(cli, "validate"),
  ]);
  report("envctl --version", version, { name: "node -e 0", value: floor }, 1.5);
  report("envctl validate", validate, { name: "node -e 0", value: floor }, 3);
  rmSync(cwd, { recursive: true });
}
