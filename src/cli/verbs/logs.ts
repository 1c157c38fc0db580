import { text, type Verb } from "../verb.ts";

export const logs: Verb = {
  name: "logs",
  group: "work with what runs",
  summary: "what the containers of a stage print, all hosts together",
  arguments: [
    ["<stage>", "the stage"],
    ["[workload]", "app (the default) or a service; all with --all"],
  ],
  options: [
    { flags: "-f, --follow", description: "go on as they print" },
    { flags: "-n, --tail <count>", description: "only the last lines of each container" },
    { flags: "--since <time>", description: "RFC 3339, or a duration ago: 10m" },
    { flags: "-t, --timestamps", description: "with the time of each line" },
    { flags: "--all", description: "the app and every service" },
    { flags: "--host <host>", description: "of this host alone" },
  ],
  changes: false,
  endless: (options) => options.follow === true,
  examples: [
    ["envctl logs prod --follow", "all hosts of prod as they print"],
    ["envctl logs test db --tail 50", "the last lines of a service"],
  ],
  run: async (context, [name = "", workload], options) => {
    const { withStage } = await import("../workspace.ts");
    const { chooseHosts, chooseWorkload, requireAnswers } = await import("../choose.ts");
    const { readLogs, stageContainers } = await import("../../rollout/logs.ts");
    const { readCount } = await import("../read-count.ts");
    const { readSince } = await import("../read-since.ts");
    const { clean } = await import("../view/clean.ts");
    const tail = readCount("--tail", text(options, "tail"), 0);
    const since = readSince(text(options, "since"), context.clock.now());
    return await withStage(context, name, async (workspace, stage) => {
      const host = text(options, "host");
      const engines = await chooseHosts(workspace, stage, host);
      const wanted = options.all === true ? undefined : chooseWorkload(stage, workload);
      const place = { environment: workspace.environment.name, stage: stage.name };
      const containers = await stageContainers(engines, place, wanted, workspace.signal);
      if (containers.length === 0) await requireAnswers(workspace, stage, host);
      const several = containers.length > 1;
      const request = {
        follow: options.follow === true,
        tail,
        since,
        timestamps: options.timestamps === true,
        signal: workspace.signal,
      };
      const lines: unknown[] = [];
      const colours = ["cyan", "magenta", "yellow", "green", "blue"] as const;
      await readLogs(containers, request, (from, line) => {
        const { engine, container } = from;
        const document = {
          host: engine.name,
          container: container.name,
          stream: line.stream,
          text: line.text,
          timestamp: line.timestamp ?? null,
        };
        if (context.options.json) {
          // A stream that may never end is one document a line; a finite one is one document.
          if (request.follow) context.write(`${JSON.stringify(document)}\n`);
          else lines.push(document);
          return;
        }
        const colour = colours[containers.indexOf(from) % colours.length] ?? "cyan";
        const prefix = several ? `${context.paint(colour, `${engine.name} ${container.name}`)} │ ` : "";
        context.write(`${prefix}${line.timestamp === undefined ? "" : `${line.timestamp} `}${clean(line.text)}\n`);
      });
      const nothing = containers.length === 0 ? `nothing runs in ${stage.name}` : "";
      return { json: request.follow ? undefined : { verb: "logs", stage: stage.name, lines }, text: nothing };
    });
  },
};
