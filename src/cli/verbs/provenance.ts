import { shortDigest } from "../../base/digest.ts";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Provenance } from "../../promotion/provenance-statement.ts";
import type { Verb } from "../verb.ts";

export const provenance: Verb = {
  name: "provenance",
  group: "look",
  summary: "how a release was built, of what, by whom: its attestation (SLSA provenance v1)",
  arguments: [["<release>", "name or digest"]],
  options: [],
  changes: false,
  examples: [
    ["envctl provenance 3f2c1ab", "commit, base images, builder, who signed it"],
    ["envctl provenance 3f2c1ab --json", "the statement itself, for other tools"],
  ],
  run: async (context, [typed = ""]) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { findRelease } = await import("../../promotion/releases.ts");
    const { Attestations } = await import("../../promotion/attestations.ts");
    const { doubtOf, provenanceTag } = await import("../../promotion/provenance.ts");
    const { readProvenance } = await import("../../promotion/provenance-statement.ts");
    const { readPublicKeys } = await import("../../signing/public-key.ts");
    const { signedBy } = await import("../../signing/envelope.ts");
    return await withWorkspace(context, null, async ({ environment, connections, signal }) => {
      const repository = await connections.repository(environment.image);
      const release = await findRelease(repository, typed, signal);
      const tag = provenanceTag(environment.name, release.digest);
      const found = await new Attestations(repository).find(tag, signal);
      if (!found) throw missing(release.name, `${repository.registry.host}/${repository.path}:${tag}`);
      const keys = await readPublicKeys(environment.directory);
      const doubt = doubtOf(found, release.digest, keys);
      const read = readProvenance(found.predicate);
      if (doubt !== undefined || !read) throw doubtful(release.name, tag, doubt ?? "it is none of envctl's");
      const signer = signedBy(found.envelope, keys)?.name;
      const statement: unknown = JSON.parse(found.envelope.payload.toString("utf8"));
      const { name, digest } = release;
      return {
        json: {
          verb: "provenance",
          environment: environment.name,
          release: { name, digest },
          attestation: found.digest,
          signer: signer ?? null,
          statement,
        },
        text: [`${environment.name} ${name} (${shortDigest(digest)})`, ...lines(read, signer)].join("\n"),
      };
    });
  },
};

function lines(read: Provenance, signer: string | undefined): string[] {
  const rows = [
    ["built", `${read.finishedAt} by ${read.builtBy}`],
    ["with", read.builder],
    ["source", source(read)],
    ["inputs", `fingerprint ${read.fingerprint}`],
    ...read.images.map(({ uri, digest, use }) => [
      use.replace("-", " "),
      `${uri}${digest ? `@${digest}` : " (no digest is known)"}`,
    ]),
    ["attested", `${read.attestedAt}${read.later ? ", by a later command: the one that built was killed" : ""}`],
    ["signed", signer === undefined ? "by nobody: this environment has no keys" : `by ${signer}`],
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows.map(([name = "", value = ""]) => `  ${name.padEnd(width)}  ${value}`);
}

function source({ commit, source: address, dirty }: Provenance): string {
  if (commit === undefined) return "no commit: the sources are known by their fingerprint alone";
  return `${address ?? "git"} ${commit}${dirty ? ", with changes that are in no commit" : ""}`;
}

function missing(name: string, where: string): EnvctlError {
  return new EnvctlError({
    code: "no-provenance",
    exitCode: ExitCode.failed,
    what: `nobody has attested how ${name} was built`,
    where,
    state: "nothing was changed",
    next: "only who builds can say it: envctl build --force-build builds it anew",
  });
}

function doubtful(name: string, where: string, doubt: string): EnvctlError {
  return new EnvctlError({
    code: "attestation-broken",
    exitCode: ExitCode.identityMismatch,
    what: `what is said of how ${name} was built cannot be trusted: ${doubt}`,
    where,
    state: "nothing was changed",
    next: "ask who can push to the registry; envctl keys list shows whose signatures count",
  });
}
