import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { Digest } from "../../src/base/digest.ts";
import { Attestations } from "../../src/promotion/attestations.ts";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { openRegistry } from "../../src/registry/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

interface Shown {
  readonly attestation: Digest;
  readonly signer: string | null;
  readonly release: { readonly digest: Digest };
  readonly statement: {
    readonly predicate: {
      readonly envctl_attested: { readonly later: boolean };
      readonly buildDefinition: { readonly resolvedDependencies: readonly object[] };
    };
  };
}

describeLab("how a release was built", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.env.XDG_CONFIG_HOME = join(project.folder, "..", "config");
    project.environment("app: { health: false, stop: { grace: 1s } }\nstages: { dev: {} }");
    await project.ok("keys", "init", "--name", "alice");
  }, 60_000);

  const releases = async () =>
    (await project.json<{ releases: { name: string; digest: Digest }[] }>("releases")).releases;
  const history = async (...more: string[]) =>
    (await project.json<{ records: Record<string, unknown>[] }>("history", ...more)).records;

  it("is attested by whoever built it, signed, and named in the record of the stage that begins with it", async () => {
    await project.ok("up", "dev");
    const [release] = await releases();
    const shown = await project.json<Shown>("provenance", release?.name ?? "");
    expect(shown).toMatchObject({ signer: "alice", release: { digest: release?.digest } });
    expect(shown.statement.predicate.buildDefinition.resolvedDependencies).toContainEqual({
      uri: "docker-image://docker.io/library/busybox:latest",
      digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      // The engine, where an image of this name lies there already.
      annotations: { use: "base", toldBy: expect.stringMatching(/^(builder|engine)$/) },
    });
    const [up, build, ...none] = await history();
    expect(none).toEqual([]);
    expect(up).toMatchObject({ kind: "up", attestations: [shown.attestation] });
    expect(build).toMatchObject({ kind: "build", stage: null, record: shown.attestation, signer: "alice" });
    expect((await project.ok("history", "--verify")).stdout).toMatch(
      /\nbuilds: 1 attested, unchanged, signed by alice$/,
    );
  });

  it("is not known to anybody else; who was killed before he could say it says it later", async () => {
    // Another page each time that it is tried.
    project.page(`second ${Date.now()}`);
    expect(await project.runAndKill(["build"], /✓ push to/)).toBe(true);
    const cache = project.env.XDG_CACHE_HOME ?? "";
    project.env.XDG_CACHE_HOME = `${cache}-of-somebody-else`;
    const { release } = await project.json<{ release: { name: string } | null }>("build", "--dry-run");
    const other = await project.ok("build");
    expect([other.stdout, other.stderr]).toEqual([
      expect.stringMatching(/nothing changed, nothing built/),
      expect.stringMatching(/how \S+ was built is not known: nobody has attested it/),
    ]);
    const unknown = await project.run("provenance", release?.name ?? "");
    expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringMatching(/nobody has attested/)]);
    project.env.XDG_CACHE_HOME = cache;
    expect(await project.json("build")).toMatchObject({ built: false, provenance: expect.stringMatching(/^sha256:/) });
    const shown = await project.json<Shown>("provenance", release?.name ?? "");
    expect(shown.statement.predicate.envctl_attested.later).toBe(true);
    expect((await project.ok("history")).stdout).toMatch(/build .* alice .*attested later/);
    expect((await project.ok("history", "--verify")).stdout).toMatch(
      /builds: \d+ attested, unchanged, signed by alice$/,
    );
  });

  it("is not taken from somebody who can push, and has no key that counts", async () => {
    const [release] = await releases();
    const directory = project.env.ENVCTL_REGISTRY_DIR ?? "";
    const embedded = await startEmbeddedRegistry({ directory, port: 0 });
    const registry = openRegistry(embedded.host, { credentials: async () => undefined, variables: {} });
    const attestations = new Attestations({ registry, path: project.name, serveEmbedded: undefined });
    const tag = `envctl-provenance.${project.name}.${release?.digest.slice(7, 19)}`;
    const there = await attestations.find(tag);
    const subject = { name: "x", digest: release?.digest ?? "sha256:" } as const;
    const { predicate = {}, predicateType = "" } = there ?? {};
    await attestations.add({ tag, predicateType, predicate: predicate as object, subject }, undefined);
    registry.close();
    await embedded.close();
    const refused = await project.run("provenance", release?.name ?? "");
    expect([refused.exitCode, refused.stderr]).toEqual([6, expect.stringMatching(/no key of this environment signed/)]);
    const verified = await project.run("history", "--verify");
    expect([verified.exitCode, verified.stderr]).toEqual([6, expect.stringContaining(`build ${tag}: no key`)]);
    // Who builds it anew can say how, and does.
    await project.ok("build", "--force-build");
    expect((await project.ok("provenance", release?.name ?? "")).stdout).toMatch(/signed +by alice/);
  });

  it("is kept in a registry without the referrers API, too", async () => {
    const { host } = lab.registries.open;
    project.env.ENVCTL_INSECURE_REGISTRIES = host;
    project.write(
      "envctl.yaml",
      `name: ${project.name}\nimage: { repository: "${host}/provenance-${project.name}" }\nstages: { dev: {} }\n`,
    );
    await project.ok("build");
    const [release] = await releases();
    expect(await project.json<Shown>("provenance", release?.name ?? "")).toMatchObject({ signer: "alice" });
    expect((await project.ok("history", "--verify")).stdout).toMatch(/builds: 1 attested, unchanged, signed by alice$/);
  });
});
