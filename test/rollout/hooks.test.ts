import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Progress, type ProgressEvent } from "../../src/base/progress.ts";
import { readHookFolder } from "../../src/rollout/hook-folder.ts";
import { Hooks } from "../../src/rollout/hooks.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "envctl-hooks-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function hook(name: string, script: string, mode = 0o755): string {
  const file = join(directory, ".envctl", "hooks", name);
  mkdirSync(join(directory, ".envctl", "hooks"), { recursive: true });
  writeFileSync(file, script);
  chmodSync(file, mode);
  return file;
}

function open(settings: { skip?: boolean; signal?: AbortSignal; variables?: Record<string, string> } = {}) {
  const events: ProgressEvent[] = [];
  const hooks = new Hooks({
    environment: "shop",
    directory,
    variables: { PATH: process.env.PATH, ENVCTL_REASON: "of another hook", ...settings.variables },
    command: "promote",
    progress: new Progress((event) => events.push(event)),
    signal: settings.signal ?? new AbortController().signal,
    skip: settings.skip ?? false,
  });
  const lines = () => events.flatMap((event) => (event.type === "step-output" ? [event.line] : []));
  const warnings = () => events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  return { hooks, lines, warnings };
}

const occasion = {
  kind: "deploy",
  facts: { stage: "prod", release: "3f2c1ab", digest: "sha256:abc", from: "test", hosts: ["ssh://a", "ssh://b"] },
  secrets: ["hunter22"],
} as const;
const deploy = async (begin: () => Promise<boolean>) => {
  await begin();
  return "deployed";
};

const isAlive = (id: number) => {
  try {
    // A zombie that nobody has waited for yet is gone as well.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${id}/status`, "utf8"));
  } catch {
    return false;
  }
};

async function appears(file: string): Promise<number> {
  for (let look = 0; look < 200 && !existsSync(file); look += 1) await wait(20);
  await wait(20);
  return Number(readFileSync(file, "utf8"));
}

describe("hooks", () => {
  it("are told what happens, run beside the environment file, and print among the steps", async () => {
    hook("before-deploy", "#!/bin/sh\nenv | grep ^ENVCTL_ | sort; pwd; echo hunter22 >&2\n");
    hook("after-deploy", "#!/bin/sh\necho $ENVCTL_HOOK: $ENVCTL_OUTCOME; env | grep -c REASON || :\n");
    hook("on-failure", "#!/bin/sh\necho never\n");
    const { hooks, lines, warnings } = open();
    expect(await hooks.around(occasion, deploy)).toBe("deployed");
    expect(lines().slice().sort()).toEqual(
      [
        "ENVCTL_COMMAND=promote",
        "ENVCTL_DIGEST=sha256:abc",
        "ENVCTL_ENVIRONMENT=shop",
        "ENVCTL_FROM=test",
        "ENVCTL_HOOK=before-deploy",
        "ENVCTL_HOSTS=ssh://a,ssh://b",
        "ENVCTL_RELEASE=3f2c1ab",
        "ENVCTL_STAGE=prod",
        directory,
        "***",
        "after-deploy: succeeded",
        "0",
      ].sort(),
    );
    expect(warnings()).toEqual([]);
  });

  it("that fail beforehand stop everything, with their last words", async () => {
    hook("before-deploy", "#!/bin/sh\necho not on a Friday\nexit 3\n");
    hook("on-failure", "#!/bin/sh\necho never\n");
    const { hooks, lines } = open();
    let touched = false;
    const work = hooks.around(occasion, async (begin) => {
      await begin();
      touched = true;
    });
    await expect(work).rejects.toMatchObject({
      code: "hook-failed",
      exitCode: 1,
      message: "hook before-deploy exited with code 3",
      evidence: ["its last output:", "  not on a Friday"],
      state: expect.stringMatching(/nothing was touched/),
    });
    expect(touched).toBe(false);
    expect(lines()).toEqual(["not on a Friday"]);
  });

  it("that fail afterwards are a warning", async () => {
    hook("after-deploy", "#!/bin/sh\nexit 1\n");
    hook("on-failure", "#!/bin/sh\necho $ENVCTL_OUTCOME: $ENVCTL_REASON\nexit 1\n");
    const { hooks, lines, warnings } = open();
    expect(await hooks.around(occasion, deploy)).toBe("deployed");
    const broken = hooks.around(occasion, async (begin) => {
      await begin();
      throw new Error("no room on the disk");
    });
    await expect(broken).rejects.toThrow("no room on the disk");
    expect(lines()).toEqual(["failed: no room on the disk"]);
    expect(warnings()).toEqual([
      expect.stringMatching(/^hook after-deploy exited with code 1/),
      expect.stringMatching(/^hook on-failure exited with code 1/),
    ]);
  });

  it("are left out with --skip-hooks, and where work never began", async () => {
    hook("before-deploy", "#!/bin/sh\nexit 1\n");
    expect(await open({ skip: true }).hooks.around(occasion, deploy)).toBe("deployed");
    hook("on-failure", "#!/bin/sh\necho never\n");
    const { hooks, lines } = open();
    const locked = hooks.around(occasion, async () => {
      throw new Error("locked");
    });
    await expect(locked).rejects.toThrow("locked");
    expect(lines()).toEqual([]);
  });

  it("take with them what they started", async () => {
    const mark = join(directory, "child");
    hook("before-deploy", `#!/bin/sh\nsleep 300 &\necho $! > ${mark}\n`);
    const begun = performance.now();
    await open().hooks.around(occasion, deploy);
    expect(isAlive(Number(readFileSync(mark, "utf8")))).toBe(false);
    expect(performance.now() - begun).toBeLessThan(4000);
  });

  it("are over although a daemon, which has left their group, holds their output open", async () => {
    const mark = join(directory, "daemon");
    const daemon = `require("child_process").spawn("sleep", ["300"], { detached: true, stdio: "inherit" })`;
    hook(
      "before-deploy",
      `#!/bin/sh\n"${process.execPath}" -e 'const d = ${daemon}; d.unref(); require("fs").writeFileSync("${mark}", String(d.pid))'\necho done\n`,
    );
    const { hooks, lines } = open();
    const begun = performance.now();
    try {
      expect(await hooks.around(occasion, deploy)).toBe("deployed");
      expect(performance.now() - begun).toBeLessThan(10_000);
      expect(lines()).toEqual(["done"]);
    } finally {
      process.kill(Number(readFileSync(mark, "utf8")), "SIGKILL");
    }
  }, 20_000);

  it("end with the command, and so does what they started, however deaf", async () => {
    const mark = join(directory, "child");
    hook(
      "before-deploy",
      `#!/bin/sh\ntrap "" TERM\nsh -c 'trap "" TERM; sleep 300' &\necho $! > ${mark}\nwait\nsleep 300\n`,
    );
    const controller = new AbortController();
    const work = open({ signal: controller.signal }).hooks.around(occasion, deploy);
    const child = await appears(mark);
    expect(isAlive(child)).toBe(true);
    controller.abort(new Error("interrupted"));
    await expect(work).rejects.toThrow("interrupted");
    expect(isAlive(child)).toBe(false);
  });

  it("tell of a failure even after Ctrl-C, but do not begin anything then", async () => {
    hook("before-deploy", "#!/bin/sh\necho before\n");
    hook("on-failure", "#!/bin/sh\necho told\n");
    const controller = new AbortController();
    const { hooks, lines } = open({ signal: controller.signal });
    const work = hooks.around(occasion, async (begin) => {
      await begin();
      controller.abort(new Error("interrupted"));
      throw new Error("went back");
    });
    await expect(work).rejects.toThrow("went back");
    await expect(hooks.around(occasion, deploy)).rejects.toThrow("interrupted");
    expect(lines()).toEqual(["before", "told"]);
  });

  it("have a time limit", async () => {
    hook("before-deploy", "#!/bin/sh\necho waiting for godot\nexec sleep 300\n");
    const work = open({ variables: { ENVCTL_HOOK_TIMEOUT: "300ms" } }).hooks.around(occasion, deploy);
    await expect(work).rejects.toMatchObject({
      code: "hook-failed",
      message: "hook before-deploy was not done within 300ms",
      evidence: ["its last output:", "  waiting for godot"],
    });
    const wrong = open({ variables: { ENVCTL_HOOK_TIMEOUT: "soon" } }).hooks.around(occasion, deploy);
    await expect(wrong).rejects.toMatchObject({ code: "usage", exitCode: 2 });
  });

  it("without a line that names an interpreter are not run by a shell by chance", async () => {
    hook("before-deploy", "#!/no/such/interpreter\n");
    await expect(open().hooks.around(occasion, deploy)).rejects.toMatchObject({
      code: "hook-failed",
      message: expect.stringMatching(/could not be started: .*ENOENT/),
    });
  });
});

describe("the folder of hooks", () => {
  it("need not be there", async () => {
    expect((await readHookFolder(directory)).files.size).toBe(0);
  });

  it("refuses a hook that is not executable, and says how to mend it", async () => {
    const file = hook("on-failure", "#!/bin/sh\n", 0o644);
    await expect(readHookFolder(directory)).rejects.toMatchObject({
      code: "hook-not-executable",
      exitCode: 2,
      where: file,
      next: `chmod +x ${file}`,
    });
  });

  it("refuses a folder, or a link to nowhere, in a hook's place", async () => {
    mkdirSync(join(directory, ".envctl/hooks/after-build"), { recursive: true });
    await expect(readHookFolder(directory)).rejects.toMatchObject({ code: "hook-unusable" });
  });

  it("warns of what never runs, and says what was meant", async () => {
    hook("before-deplyo", "");
    hook("after-deploy.sh", "");
    hook("zebra", "");
    hook(".shared", "");
    mkdirSync(join(directory, ".envctl/hooks/lib"));
    expect((await readHookFolder(directory)).warnings).toEqual([
      expect.stringMatching(/after-deploy\.sh never runs: .*did you mean after-deploy\?/),
      expect.stringMatching(/before-deplyo never runs: .*did you mean before-deploy\?/),
      expect.stringMatching(/zebra never runs: there is no such hook \(there are before-build/),
    ]);
  });
});
