import { describe, expect, it } from "vitest";
import { EnvctlError, ExitCode } from "../../../src/base/errors.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { requireReach } from "../../../src/promotion/checks/require-reach.ts";

const { signal } = new AbortController();
const away = new EnvctlError({ code: "host-timeout", exitCode: ExitCode.unreachable, what: "no answer" });
const refused = new EnvctlError({
  code: "host-refused",
  exitCode: ExitCode.unreachable,
  what: "nothing listens there",
});
const engine = (containers: () => Promise<never[]>) => ({ containers }) as unknown as Engine;

describe("a connection that is refused", () => {
  it("is a finding where the host's engine answers", async () => {
    await expect(
      requireReach(
        engine(async () => []),
        Promise.reject(refused),
        signal,
      ),
    ).rejects.toBe(refused);
  });

  it("is none where the engine does not answer either", async () => {
    const silent = engine(() => Promise.reject(away));
    await expect(requireReach(silent, Promise.reject(refused), signal)).rejects.toMatchObject({ error: away });
  });
});
