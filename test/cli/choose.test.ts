import { expect, it } from "vitest";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { parseHostAddress } from "../../src/base/host.ts";
import { Progress } from "../../src/base/progress.ts";
import { chooseHosts, requireAnswers } from "../../src/cli/choose.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { stage } from "../plan/world.ts";

const names = ["ssh://deploy@a", "ssh://deploy@b", "ssh://deploy@c"];
const prod = stage({ name: "prod", hosts: names.map((name) => parseHostAddress(name)!) });

/** The hosts that are chosen where these are away, and what is warned of. */
async function chosen(away: readonly string[], typed?: string) {
  const warnings: string[] = [];
  const { signal } = new AbortController();
  const workspace = {
    progress: new Progress((event) => event.type === "warning" && warnings.push(event.message)),
    signal,
    connections: {
      engine: async ({ name }: { name: string }) => {
        if (!away.includes(name)) return { name };
        const what = `no answer from ${name}`;
        throw new EnvctlError({ code: "host-unreachable", exitCode: ExitCode.unreachable, what });
      },
    },
  } as unknown as Workspace;
  const engines = await chooseHosts(workspace, prod, typed);
  const whole = await requireAnswers(workspace, prod, typed).catch((error: EnvctlError) => error.message);
  return { hosts: engines.map(({ name }) => name), warnings, whole };
}

it("leaves out the hosts that are away, and says so", async () => {
  expect(await chosen([])).toEqual({ hosts: names, warnings: [], whole: undefined });
  expect(await chosen(names.slice(0, 1))).toEqual({
    hosts: names.slice(1),
    warnings: ["ssh://deploy@a is left out: no answer from ssh://deploy@a"],
    // Where nothing was found on the others.
    whole: "no answer from ssh://deploy@a",
  });
});

it("fails where none answers, or the one that was named does not", async () => {
  await expect(chosen(names)).rejects.toMatchObject({ exitCode: 5 });
  await expect(chosen(names.slice(0, 1), "a")).rejects.toMatchObject({ exitCode: 5 });
  expect(await chosen(names.slice(0, 1), "b")).toEqual({ hosts: ["ssh://deploy@b"], warnings: [], whole: undefined });
});
