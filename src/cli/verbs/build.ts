import { skipHooksOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const build: Verb = {
  name: "build",
  group: "release",
  summary: "build the image and push it, unless these very inputs were built before",
  arguments: [],
  options: [{ flags: "--force-build", description: "build even if nothing changed" }, skipHooksOption],
  changes: true,
  examples: [
    ["envctl build", "build and push; prints the digest"],
    ["envctl build --json", "the same for a pipeline"],
  ],
  run: async (context, _, options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { findBuilt, readIntent } = await import("../../build/make-release.ts");
    const { makeAttestedRelease } = await import("../../promotion/provenance.ts");
    const { stageSigner } = await import("../../promotion/stage-signer.ts");
    const { releaseDocument } = await import("./deployment-outcome.ts");
    const { escapeMarkdown } = await import("../ci/markdown.ts");
    return await withWorkspace(context, null, async (workspace) => {
      const { name } = workspace.environment;
      if (context.options.dryRun) {
        const intent = await readIntent(workspace);
        const known = await findBuilt(
          await workspace.connections.repository(workspace.environment.image),
          intent,
          workspace.signal,
        );
        const json = {
          verb: "build",
          environment: name,
          dryRun: true,
          wouldBuild: !known,
          release: known ? releaseDocument(known) : null,
        };
        return {
          json,
          text: known ? `nothing changed since ${known.name}` : `would build ${name} ${intent.name} and push it`,
        };
      }
      const signer = await stageSigner(workspace, { dryRun: false });
      const force = options.forceBuild === true;
      const { release, built, provenance } = await makeAttestedRelease(workspace, { force }, signer);
      const mark = context.paint("green", "✓");
      return {
        json: {
          verb: "build",
          environment: name,
          dryRun: false,
          built,
          release: releaseDocument(release),
          provenance: provenance ?? null,
        },
        text: `${mark} ${name} ${release.name}${built ? "" : ": nothing changed, nothing built"}\n  ${context.paint("dim", release.digest)}`,
        report: {
          outputs: { environment: name, release: release.name, digest: release.digest, built: String(built) },
          summary: `### ✅ ${escapeMarkdown(`${name} ${release.name} ${built ? "is built" : "was built before"}`)}\n\n\`${release.digest}\``,
        },
      };
    });
  },
};
