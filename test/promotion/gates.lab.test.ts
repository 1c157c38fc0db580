import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import type { Digest } from "../../src/base/digest.ts";
import type { JudgedGate } from "../../src/plan/gates/judged-gate.ts";
import { Attestations } from "../../src/promotion/attestations.ts";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { OpenRepository } from "../../src/rollout/connections.ts";
import type { Signer } from "../../src/signing/envelope.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { content, descriptor, manifest } from "../registry/content.ts";
import { Project, runningContainers } from "./project.ts";

interface Gates {
  readonly open: boolean;
  readonly gates: readonly JudgedGate[];
  readonly release: { readonly name: string; readonly digest: Digest };
}

interface History {
  readonly records: readonly {
    readonly kind: string;
    readonly signer: string | null;
    readonly gates?: readonly { readonly gate: string; readonly outcome: string; readonly found: string }[];
    readonly override?: { readonly gate: string; readonly reason: string };
    readonly attestations?: readonly string[];
  }[];
}

const app = "app: { health: false }";

/** A window that has been over for a day: closed for five more. */
function closedWindow(): string {
  const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  return `${days[(new Date().getUTCDay() + 5) % 7]} 10:00-11:00 UTC`;
}

async function commit(project: Project, author: string): Promise<void> {
  const git = (...command: string[]) =>
    execa("git", ["-c", "user.name=ci", "-c", "user.email=ci@example.com", ...command], { cwd: project.folder });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=shop", "--author", author);
}

/** From now on it is this person who types. */
function be(project: Project, name: string): void {
  project.env.XDG_CONFIG_HOME = join(project.folder, "..", "home", name);
}

function signerOf(key: KeyObject): Signer {
  return { keyId: "SHA256:whatever it says", sign: async (data) => sign(null, data, key) };
}

const gatesOf = async (project: Project, ...words: string[]): Promise<Gates> => {
  const { stdout } = await project.run("gates", "prod", "--json", ...words);
  return JSON.parse(stdout) as Gates;
};
const found = async (project: Project, gate: string) =>
  (await gatesOf(project)).gates.find((one) => one.gate === gate)?.found;

describeLab("gates", () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await useLab();
  });

  describe("approvals and overrides", () => {
    let project: Project;
    let release: Gates["release"];

    const write = (gates: string) =>
      project.environment(
        `${app}\nstages:\n  dev: {}\n  prod:\n    gates:\n      ${gates.replaceAll("; ", "\n      ")}`,
      );
    const approvals = "approvals: { count: 2, not_author: true }";
    const runs = async () => (await runningContainers(lab.localSocket, project.name, "prod")).length;

    /** Into the image's repository, as anybody can who may push there. */
    async function pushing(work: (attestations: Attestations) => Promise<unknown>): Promise<void> {
      const server = await startEmbeddedRegistry({ directory: project.env.ENVCTL_REGISTRY_DIR ?? "", port: 0 });
      const registry = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
      try {
        await work(new Attestations({ registry, path: project.name, serveEmbedded: undefined }));
      } finally {
        registry.close();
        await server.close();
      }
    }

    beforeAll(async () => {
      project = new Project(lab);
      write(`${approvals}; window: ${closedWindow()}; git: { clean: true, branches: [main] }; overridable: [window]`);
      for (const name of ["ada", "grace", "linus"]) {
        be(project, name);
        await project.ok("keys", "init", "--name", name);
      }
      await commit(project, "Ada <ada@example.com>");
      be(project, "ada");
      await project.ok("up", "dev");
      release = (await gatesOf(project)).release;
    }, 60_000);

    it("are shown, each with what would open it, and hold a promotion back before anything is touched", async () => {
      const { gates, open } = await gatesOf(project);
      expect([open, gates.map((one) => `${one.gate} ${one.open}`)]).toEqual([
        false,
        ["verified true", "approvals false", "window false", "git.clean true", "git.branches true"],
      ]);
      const [window] = gates.filter(({ gate }) => gate === "window");
      expect(new Date(window?.opensAt ?? "").toISOString()).toMatch(/T10:00:00.000Z$/);
      const shown = await project.run("gates", "prod");
      expect([shown.exitCode, shown.stdout]).toEqual([
        3,
        expect.stringMatching(/✓ verified +dev: verified[\s\S]*✗ approvals[\s\S]*→ envctl approve prod --release/),
      ]);
      const refused = await project.run("promote", "prod");
      expect([refused.exitCode, refused.stderr]).toEqual([
        3,
        expect.stringMatching(
          /2 gates of prod are closed for \S+: approvals, window[\s\S]*nobody has approved[\s\S]*→ it opens \w{3} \d{4}-/,
        ),
      ]);
      const planned = await project.run("promote", "prod", "--dry-run");
      expect([planned.exitCode, planned.stdout]).toEqual([
        3,
        expect.stringMatching(/on prod\n[\s\S]*gate window is closed/),
      ]);
      expect(await runs()).toBe(0);
      expect((await project.json<History>("history", "prod")).records).toEqual([]);
    });

    it("count two keys, but not the author's, nor one twice, nor what somebody forged", async () => {
      const asked = await project.run("approve", "prod");
      expect([asked.exitCode, asked.stderr]).toEqual([
        2,
        expect.stringMatching(/asks for a confirmation.*no terminal/),
      ]);
      expect(await project.json("approve", "prod", "--yes", "--comment", "mine")).toMatchObject({
        ...{
          key: "ada",
          decision: "approved",
          gate: { open: false, found: expect.stringMatching(/ada's does not count/) },
        },
      });
      be(project, "grace");
      await project.ok("approve", "prod", "--yes");
      const twice = await project.ok("approve", "prod", "--yes", "--comment", "again");
      expect(twice.stdout).toMatch(/grace has approved[\s\S]*approved by grace, of 2 wanted/);
      await pushing(async (attestations) => {
        const tags = `envctl-approval.${project.name}.prod.${release.digest.slice(7, 19)}`;
        const [real] = await attestations.withPrefix(tags);
        const predicate = real?.predicate as Record<string, unknown>;
        const subject = { name: "shop", digest: release.digest };
        const form = { predicateType: real?.predicateType ?? "", predicate, subject };
        const mallory = signerOf(generateKeyPairSync("ed25519").privateKey);
        await attestations.add({ ...form, tag: `${tags}.forged` }, mallory);
        await attestations.add({ ...form, tag: `${tags}.unsigned` }, undefined);
        // What linus really signed, for another stage.
        const pem = readFileSync(join(project.folder, "../home/linus/envctl/signing-key.pem"), "utf8");
        const elsewhere = { ...form, predicate: { ...predicate, stage: "test" }, tag: `${tags}.elsewhere` };
        await attestations.add(elsewhere, signerOf(createPrivateKey(pem)));
      });
      expect(await found(project, "approvals")).toMatch(/^approved by grace, of 2 wanted; ada's does not count/);
      be(project, "linus");
      await project.ok("approve", "prod", "--release", release.name, "--yes");
      expect(await found(project, "approvals")).toMatch(/^approved by grace and linus/);
    });

    it("are taken back by a later word, and given again", async () => {
      const back = await project.ok("approve", "prod", "--withdraw");
      expect(back.stdout).toMatch(/linus has taken back the approval[\s\S]*✗ approvals +approved by grace, of 2/);
      const nothing = await project.run("approve", "prod", "--withdraw");
      expect([nothing.exitCode, nothing.stderr]).toEqual([2, expect.stringMatching(/linus has not approved/)]);
      await project.ok("approve", "prod", "--yes");
    });

    it("lets a gate be passed only where the file allows it, and for a reason", async () => {
      for (const [words, exitCode, expected] of [
        [
          ["--override", "approvals", "--reason", "a fire"],
          3,
          /lets nobody pass approvals of prod[\s\S]*may be passed: window/,
        ],
        [["--override", "verified", "--reason", "a fire"], 3, /lets nobody pass verified/],
        [["--override", "window"], 2, /a gate is passed for a reason/],
        [["--override", "windov", "--reason", "x"], 2, /there is no gate "windov"; did you mean "window"\?/],
        [["--reason", "x"], 2, /--override names none/],
      ] as const) {
        const refused = await project.run("promote", "prod", ...words);
        expect([refused.exitCode, refused.stderr]).toEqual([exitCode, expect.stringMatching(expected)]);
      }
      expect(await runs()).toBe(0);
    });

    it("looks again under the lock: what was taken back while it waited counts no more", async () => {
      await project.ok("lock", "prod", "-m", "a sale");
      const [refused] = await Promise.all([
        project.run("promote", "prod", "--override", "window", "--reason", "a fire", "--wait"),
        wait(1500).then(async () => {
          await project.ok("approve", "prod", "--withdraw");
          await project.ok("unlock", "prod", "--yes");
        }),
      ]);
      expect([refused.exitCode, refused.stderr]).toEqual([
        3,
        expect.stringMatching(/✓ wait until prod is free[\s\S]*a gate of prod is closed for \S+: approvals/),
      ]);
      expect([await runs(), (await project.json<History>("history", "prod")).records]).toEqual([0, []]);
      await project.ok("approve", "prod", "--yes");
    });

    it("keeps on record who let it pass and what was passed, and proves it afterwards", async () => {
      await project.ok("promote", "prod", "--override", "window", "--reason", "a fire");
      expect(await runs()).toBe(1);
      const [promoted, override] = (await project.json<History>("history", "prod")).records;
      expect(override).toMatchObject({
        kind: "override",
        signer: "linus",
        override: { gate: "window", reason: "a fire" },
      });
      expect(promoted).toMatchObject({ kind: "promote", signer: "linus" });
      expect(promoted?.gates?.map(({ gate, outcome }) => `${gate} ${outcome}`)).toEqual([
        ...["verified open", "approvals open", "window overridden", "git.clean open", "git.branches open"],
      ]);
      expect(promoted?.attestations).toHaveLength(2);
      expect((await project.ok("history", "prod")).stdout).toMatch(/override.*window: a fire/);
      expect((await project.ok("history", "--verify")).stdout).toMatch(/prod: 2 records, in order and unchanged/);
      await pushing(async (attestations) => {
        const one = promoted?.attestations?.[0] ?? "";
        expect(await attestations.find(one)).toMatchObject({ subjects: [release.digest] });
      });
    });

    it("holds back neither what is there already nor what mends it", async () => {
      expect(await project.json("promote", "prod")).toMatchObject({ changed: false, gates: [] });
      await execa("docker", ["-H", `unix://${lab.localSocket}`, "rm", "-f", ...(await containers())]);
      expect(await project.json("up", "prod")).toMatchObject({ changed: true });
    });

    it("knows the author by what the line of a key says, too, and changes that are in no commit", async () => {
      const line = join(project.folder, ".envctl/keys/linus.pub");
      writeFileSync(line, readFileSync(line, "utf8").replace(/ linus\n$/, " Linus@example.com\n"));
      project.page("second");
      await commit(project, "L. T. <linus@example.com>");
      project.write("left-over", "in no commit");
      be(project, "ada");
      await project.ok("up", "dev");
      be(project, "linus");
      await project.ok("approve", "prod", "--yes");
      const { gates } = await gatesOf(project);
      expect(gates.filter(({ open }) => !open).map(({ gate }) => gate)).toEqual(["approvals", "window", "git.clean"]);
      expect(await found(project, "approvals")).toBe(
        "nobody has approved, of 2 wanted; linus's does not count: it is their commit",
      );
    });

    const containers = async () => (await runningContainers(lab.localSocket, project.name, "prod")).map(({ Id }) => Id);
  });

  describe.each(["embedded", "docker-registry"] as const)("image and provenance, in %s", (kind) => {
    it("are judged by what other tools attached, and by the build's own word", async () => {
      const project = new Project(lab);
      const { host: open } = lab.registries.open;
      project.env.ENVCTL_INSECURE_REGISTRIES = open;
      const repository = kind === "embedded" ? project.name : `${open}/team/${project.name}`;
      const write = (stage: string) =>
        project.write(
          "envctl.yaml",
          `name: ${project.name}\nimage: { repository: "${repository}" }\n${stage}\nstages:\n  dev: {}\n  prod:\n    gates:\n      provenance: true\n      max_age: 3650d\n      image:\n        non_root: true\n        no_latest_base: true\n        max_size: 64m\n        vulnerabilities: { max: { critical: 0, high: 1 } }\n        sbom: { forbid: ["log4j-core@2.14*"] }\n`,
        );
      write("app: { health: false }");
      be(project, "ada");
      await project.ok("keys", "init", "--name", "ada");
      await project.ok("up", "dev");
      const { gates, release } = await gatesOf(project);
      expect(Object.fromEntries(gates.map((gate) => [gate.gate, gate.open]))).toEqual({
        ...{ verified: true, max_age: true, "image.non_root": false, "image.no_latest_base": false },
        ...{ "image.max_size": true, "image.vulnerabilities": false, "image.sbom": false, provenance: true },
      });
      expect(await found(project, "image.non_root")).toBe("root runs app");

      const server = await startEmbeddedRegistry({ directory: project.env.ENVCTL_REGISTRY_DIR ?? "", port: 0 });
      const registry = openRegistry(kind === "embedded" ? server.host : open, {
        credentials: async () => undefined,
        variables: project.env,
      });
      const path = kind === "embedded" ? project.name : `team/${project.name}`;
      const at: OpenRepository = { registry, path, serveEmbedded: undefined };
      /** As `oras attach` does it. */
      const attach = async (name: string, type: string, artifactType: string) => {
        const report = content(readFileSync(new URL(`fixtures/reports/${name}.json`, import.meta.url)));
        const empty = content("{}");
        for (const blob of [report, empty]) {
          await registry.uploadBlob(path, descriptor(blob, type), async (offset) =>
            Readable.from([blob.bytes.subarray(offset)]),
          );
        }
        const subject = await registry.head(path, release.digest);
        const config = descriptor(empty, "application/vnd.oci.empty.v1+json");
        const artifact = manifest({ artifactType, config, layers: [descriptor(report, type)], subject });
        await registry.putManifest(path, artifact.descriptor.digest, artifact);
      };
      try {
        await attach("grype", "application/json", "application/json");
        await attach("spdx", "application/spdx+json", "application/spdx+json");
        write('app: { health: false, user: "1000" }');
        const pem = readFileSync(join(project.folder, "../home/ada/envctl/signing-key.pem"), "utf8");
        const { fingerprint } = (await gatesOf(project)).release as unknown as { readonly fingerprint: string };
        const provenance = (base: string) => ({
          tag,
          predicateType: "https://slsa.dev/provenance/v1",
          predicate: {
            buildDefinition: {
              externalParameters: { fingerprint },
              resolvedDependencies: [
                { uri: `docker-image://docker.io/library/${base}`, annotations: { use: "base" } },
                { uri: "docker-image://docker.io/docker/dockerfile", annotations: { use: "frontend" } },
              ],
            },
            runDetails: { metadata: { finishedOn: new Date().toISOString() } },
          },
          subject,
        });
        const attestations = new Attestations(at);
        const tag = `envctl-provenance.${project.name}.${release.digest.slice(7, 19)}`;
        const { predicateType, predicate } = (await attestations.find(tag)) ?? {};
        const subject = { name: project.name, digest: release.digest };
        const own = { predicateType: predicateType ?? "", predicate: predicate as object, subject };
        const closed = async () =>
          (await gatesOf(project)).gates.filter((gate) => !gate.open).map((gate) => `${gate.gate}: ${gate.found}`);
        await attestations.add(provenance("busybox:1.36"), signerOf(generateKeyPairSync("ed25519").privateKey));
        expect(await closed()).toEqual([
          "image.no_latest_base: its base images are not known: no key of this environment signed its provenance",
          "provenance: no key of this environment signed its provenance",
        ]);
        await attestations.add(provenance("busybox"), signerOf(createPrivateKey(pem)));
        expect(await closed()).toEqual(["image.no_latest_base: based on docker.io/library/busybox"]);
        const built = await attestations.add(provenance("busybox:1.36"), signerOf(createPrivateKey(pem)));
        await attach("cyclonedx", "application/vnd.cyclonedx+json", "application/vnd.cyclonedx+json");
        expect(await closed()).toEqual([
          expect.stringMatching(/^image\.vulnerabilities: .*grype: 0 critical of 0, 1 high of 1/),
          expect.stringMatching(/^image\.sbom: 6 packages.*log4j-core@2\.14\.1$/),
        ]);
        expect(await found(project, "image.vulnerabilities")).toMatch(/trivy: 1 critical of 0/);
        const [text = "", more = ""] = [readFileSync(join(project.folder, "envctl.yaml"), "utf8"), "2.17"];
        project.write("envctl.yaml", text.replace("critical: 0", "critical: 1").replace("2.14", more));
        await project.ok("promote", "prod");
        const [record] = (await project.json<History>("history", "prod")).records;
        expect(record?.attestations).toEqual([built.digest]);
        // What took the place of the build's own word is told of, whoever signed it.
        const verified = await project.run("history", "--verify");
        expect([verified.exitCode, verified.stderr]).toEqual([6, expect.stringMatching(/no provenance of envctl's/)]);
        await attestations.add({ ...own, tag }, signerOf(createPrivateKey(pem)));
        await project.ok("history", "--verify");
      } finally {
        registry.close();
        await server.close();
      }
    });
  });
});
