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
    (args: readonly string[], cache = join(cwd, "cache")) =>
    () =>
      run(process.execPath, args, { cwd, env: { XDG_CACHE_HOME: cache } });
  let homes = 0;
  const [floor = 0, version = 0, help = 0, validate = 0, first = 0, unwritable = 0] = await timeTogether(20, [
    node(["-e", "0"]),
    node([cli, "--version"]),
    node([cli, "--help"]),
    node([cli, "validate"]),
    // Each time the first of a machine, which compiles everything, and keeps it for the next.
    () => node([cli, "validate"], join(cwd, `home-${homes++}`))(),
    node([cli, "validate"], "/dev/null"),
  ]);
  const bare = { name: "node -e 0", value: floor };
  report("envctl --version", version, bare, 1.5);
  report("envctl --help", help, bare);
  report("envctl validate", validate, bare, 3);
  report("envctl validate, the first on a machine", first, bare, 3);
  report("envctl validate, where nothing can be kept", unwritable, bare, 3);
  rmSync(cwd, { recursive: true });
}
