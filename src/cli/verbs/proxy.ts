import { waitOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const proxy: Verb = {
  name: "proxy",
  group: "work with what runs",
  summary: "look at the reverse proxies in front of the app, and take care of them",
  arguments: [
    ["<action>", "status, logs, reload or remove"],
    ["[stage]", "the stage; for status, all stages where none is named"],
  ],
  actions: [
    { name: "status", summary: "every proxy on the hosts, and whom it serves", needsStage: false },
    { name: "logs", summary: "the stage's requests, and the proxy's errors", needsStage: true },
    { name: "reload", summary: "render the configuration anew and make it live; no request is lost", needsStage: true },
    { name: "remove", summary: "remove the stage's proxies from its hosts", needsStage: true },
  ],
  options: [
    { flags: "-f, --follow", description: "logs: go on as they come", actions: ["logs"] },
    { flags: "-n, --tail <count>", description: "logs: only the last lines of each proxy", actions: ["logs"] },
    { flags: "--since <time>", description: "logs: RFC 3339, or a duration ago: 10m", actions: ["logs"] },
    { flags: "-t, --timestamps", description: "logs: with the whole time of each line", actions: ["logs"] },
    { flags: "--all", description: "logs: every line, of other stages too", actions: ["logs"] },
    { flags: "--host <host>", description: "logs: of this host alone", actions: ["logs"] },
    {
      flags: "--recreate",
      description: "reload: with a new container of the present image; a gap of about a second",
      actions: ["reload"],
    },
    { flags: "--volumes", description: "remove: and certificates that it obtained", actions: ["remove"] },
    {
      flags: "--host-timeout <duration>",
      description: "status: wait no longer than this for a host (default: 10s)",
      actions: ["status"],
    },
    waitOption,
  ],
  changes: true,
  endless: (options) => options.follow === true,
  examples: [
    ["envctl proxy status", "proxies of all hosts, and what they serve"],
    ["envctl proxy logs prod --follow", "requests of prod as they come, all hosts together"],
    ["envctl proxy reload prod", "after an upgrade of envctl, or a change by hand"],
    ["envctl proxy reload prod --recreate", "with the image that the environment file names now"],
    ["envctl proxy remove prod", "asks first, and names whoever else is served"],
  ],
  run: async (context, [action = "", stage], options) => {
    switch (action) {
      case "logs":
        return await (await import("../proxy/logs.ts")).proxyLogs(context, stage ?? "", options);
      case "reload":
        return await (await import("../proxy/reload.ts")).proxyReload(context, stage ?? "", options);
      case "remove":
        return await (await import("../proxy/remove.ts")).proxyRemove(context, stage ?? "", options);
      default:
        return await (await import("../proxy/status.ts")).proxyStatus(context, stage, options);
    }
  },
};
