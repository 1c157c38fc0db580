import type { Detection } from "./detection.ts";
import { type RunnableStage, readDockerfile } from "./read-dockerfile.ts";

/** Ports of images that people begin with, where their Dockerfile says none. */
const known: readonly (readonly [RegExp, number])[] = [
  [/(?:^|\/)nginx-unprivileged(?:[:@]|$)/, 8080],
  [/(?:^|\/)(?:nginx|httpd|caddy|wordpress|php)(?:[:@]|$)/, 80],
  [/(?:^|\/)(?:tomcat|jetty)(?:[:@]|$)/, 8080],
];

/** What a Dockerfile that is there already says about the program in its last stage. */
export function detectDockerfile(text: string): Detection {
  const stages = readDockerfile(text);
  const exposed = stages.find((stage) => stage.ports.length > 0)?.ports ?? [];
  const check = stages.find((stage) => stage.healthcheck !== undefined)?.healthcheck;
  const declared = Number(stages.find((stage) => stage.environment.PORT !== undefined)?.environment.PORT);
  const hinted = [portInUrl(check), isPort(declared) ? declared : undefined].filter((port) => port !== undefined);
  const port =
    hinted.find((candidate) => exposed.includes(candidate)) ??
    exposed[0] ??
    hinted[0] ??
    portInCommand(stages) ??
    portOfBase(stages);
  const notes: string[] = [];
  if (port === undefined) notes.push("the Dockerfile tells no port (no EXPOSE): 8080 is a guess");
  if (exposed.length > 1) notes.push(`the Dockerfile exposes ${exposed.join(", ")}: ${port} is the one that is served`);
  const checked = check !== undefined && !/^NONE\b/i.test(check);
  return {
    kind: "dockerfile",
    found: checked ? "Dockerfile (with its HEALTHCHECK)" : "Dockerfile",
    port: port ?? 8080,
    health: checked ? "image" : "port",
    values: {},
    notes,
  };
}

function portInUrl(check: string | undefined): number | undefined {
  const port = Number(/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d{2,5})\b/.exec(check ?? "")?.[1]);
  return isPort(port) ? port : undefined;
}

/** `--port 3000`, `-p=3000`, `--bind 0.0.0.0:8000`, in words or as a JSON array. */
function portInCommand(stages: readonly RunnableStage[]): number | undefined {
  const command = stages.find((stage) => stage.command !== undefined)?.command ?? "";
  const words = command.replace(/[[\]",]+/g, " ");
  const port = Number(/(?:\s(?:--port|-p|--listen)[= ]+|\b0\.0\.0\.0:|\s:)(\d{2,5})\b/.exec(words)?.[1]);
  return isPort(port) ? port : undefined;
}

function portOfBase(stages: readonly RunnableStage[]): number | undefined {
  const base = stages.at(-1)?.from ?? "";
  return known.find(([pattern]) => pattern.test(base))?.[1];
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
