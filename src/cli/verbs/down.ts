import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { DownHost } from "../../promotion/clear-host.ts";
import { waitOption } from "../global-options.ts";
import { text, type Verb } from "../verb.ts";

export const down: Verb = {
  name: "down",
  group: "keep in order",
  summary: "stop and remove a stage's containers and networks on all its hosts, or on one that it has no more",
  arguments: [["<stage>", "the stage"]],
  options: [
    { flags: "--volumes", description: "and its volumes, with the data in them" },
    { flags: "--host <host>", description: "only on this host, which the stage had before, and has no more" },
    { flags: "--gone", description: "with --host: it is gone for good; do not ask it, only write that down" },
    waitOption,
  ],
  changes: true,
  examples: [
    ["envctl down dev", "asks first; volumes stay"],
    ["envctl down dev --volumes --yes", "everything, data included"],
    ["envctl down prod --host ssh://old.example.com", "what was left where prod runs no more"],
  ],
  run: async (context, [name = ""], options) => {
    const { confirmOrRefuse, withStage } = await import("../workspace.ts");
    const volumes = options.volumes === true;
    const gone = options.gone === true;
    const { dryRun } = context.options;
    const host = text(options, "host");
    if (gone && (host === undefined || volumes)) throw notAlone(name, host);
    const confirm = async (where: string, command: string) => {
      const what = volumes ? "containers, networks and volumes with their data" : "containers and networks";
      const question = gone ? `Tell of ${name} on ${where} no more?` : `Remove all ${what} of ${name} on ${where}?`;
      if (!dryRun) await confirmOrRefuse(context, question, `${command}${volumes ? " --volumes" : ""}`);
    };
    return await withStage(context, name, async (workspace, stage) => {
      if (host !== undefined) {
        const { findFormerHost, takeDownFormer } = await import("../../promotion/down-former.ts");
        const former = await findFormerHost(workspace, stage, host);
        await confirm(former.address.name, `down ${name} --host ${former.address.name}${gone ? " --gone" : ""}`);
        const { sameAs, ...found } = await takeDownFormer(workspace, stage, former, { volumes, dryRun, gone });
        const why = sameAs === undefined ? undefined : `the same engine as ${sameAs}, which ${name} has: left as it is`;
        const line = `${found.host}: ${gone ? "not asked" : (why ?? thingsOf(found, dryRun))}`;
        const told = former.known && !dryRun ? `; ${name} is not said to run there any more` : "";
        return {
          json: {
            verb: "down",
            stage: name,
            dryRun,
            hosts: [found],
            former: { host: found.host, gone, sameAs: sameAs ?? null },
          },
          text: `${line}${told}`,
        };
      }
      const { takeDown } = await import("../../promotion/down.ts");
      await confirm(stage.hosts.map((one) => one.name).join(", "), `down ${name}`);
      const hosts = await takeDown(workspace, stage, { volumes, dryRun });
      const lines = hosts.map((found) => `${found.host}: ${thingsOf(found, dryRun)}`);
      return { json: { verb: "down", stage: name, dryRun, hosts }, text: lines.join("\n") };
    });
  },
};

function thingsOf({ containers, networks, volumes, proxies }: DownHost, dryRun: boolean): string {
  const things = [
    ...containers,
    ...networks.map((one) => `network ${one}`),
    ...volumes.map((one) => `volume ${one}`),
    ...proxies.map((one) => `its site in ${one}`),
  ];
  if (things.length === 0) return "nothing there";
  return `${dryRun ? "would remove" : "removed"} ${things.join(", ")}`;
}

function notAlone(stage: string, host: string | undefined): EnvctlError {
  return new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: host === undefined ? "--gone is about one host" : "of a host that is gone, no volume can be removed",
    state: "nothing was touched",
    next: `envctl down ${stage} --host ${host ?? "<host>"} --gone`,
  });
}
