import { posix } from "node:path";
import type { DockerfileStage } from "../build/dockerfile-stages.ts";
import { jsonWords } from "../build/dockerfile-words.ts";

/** What runs in the container, as far as it tells what a changed file needs. */
export interface Program {
  /** For people: the command, or what is known of it. */
  readonly text: string;
  /** `restarts`: it reads its files once. `reloads`: it looks at them again by itself. `serves`: it hands them out as they are. */
  readonly kind: "restarts" | "reloads" | "serves";
}

/** An entry point and a command; undefined where neither the Dockerfile nor a built image tells. */
export interface ImageCommand {
  readonly entrypoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
}

export interface ProgramInput {
  /** `dev`, then the app's own: the first that says something counts. */
  readonly overrides: readonly ImageCommand[];
  readonly image: ImageCommand | undefined;
  /** Name of the image that it all begins with, where `image` is not known. */
  readonly base: string | undefined;
  /** Scripts of package.json. */
  readonly scripts: Readonly<Record<string, string>>;
}

/** Programs that look at their files again: all that they have in common is their command lines. */
const reloading: readonly RegExp[] = [
  /\b(?:nodemon|ts-node-dev|tsnd|react-scripts start|webpack-dev-server|webpack serve|ng serve|parcel)\b/,
  /\bnode\b.* --watch(?:-path)?\b/,
  /\btsx (?:.*\s)?watch\b/,
  /\b(?:bun|deno)\b.* --(?:watch|hot)\b/,
  /\b(?:next|nuxt|nuxi|astro|remix|gatsby|expo|wrangler|svelte-kit|vue-cli-service|fastapi|encore|mkdocs|hugo|jekyll) (?:dev|develop|serve)\b/,
  /(?:^|[\s/])vite(?! (?:build|preview))(?:\s|$)/,
  /\b(?:uvicorn|gunicorn|hypercorn|granian|sanic|litestar)\b.* --reload\b/,
  /\bflask\b.* (?:--debug|--reload)\b/,
  /\bmanage\.py runserver\b(?!.*--noreload)/,
  /\brails (?:s|server)\b/,
  /\bphp(?:\d[\d.]*)? (?:.*\s)?(?:-S|artisan serve)\b/,
  /\bphp-fpm[\d.]*\b/,
  /(?:^|[\s/])(?:air|watchexec|watchmedo|entr|reflex|modd)(?:\s|$)/,
  /\b(?:dotnet|cargo) watch\b/,
];

const serving: readonly RegExp[] = [
  /(?:^|[\s/])(?:nginx|httpd|apache2|apache2-foreground|httpd-foreground|apachectl|apache2ctl|caddy|lighttpd|darkhttpd|thttpd)(?:\s|$)/,
  /\bpython[\d.]* -m http\.server\b/,
  /(?:^|[\s/])(?:http-server|static-web-server|miniserve)(?:\s|$)/,
  // Where a program's name stands: behind one, it is a command of that program's.
  /(?:^|&& ?|; ?| -- |\bexec |docker-entrypoint\.sh |\b(?:npx|bunx|dlx)(?: --?[\w-]+)* |bin\/)serve(?:\s|$)/,
];

const servingBase = /(?:^|\/)(?:nginx|nginx-unprivileged|httpd|caddy)(?:[:@]|$)/;

/** What runs, from all that has a say in it. */
export function programOf(input: ProgramInput): Program {
  const words = effectiveWords(input);
  if (!words) {
    const { base = "the base image" } = input;
    return { text: `what ${base} runs`, kind: servingBase.test(base) ? "serves" : "restarts" };
  }
  const text = words.join(" ");
  return { text, kind: kindOf(scriptText(words, input.scripts)) };
}

function effectiveWords({ overrides, image }: ProgramInput): string[] | undefined {
  const entrypoint = overrides.find((one) => one.entrypoint !== undefined)?.entrypoint;
  const command = overrides.find((one) => one.command !== undefined)?.command;
  // An entry point from outside leaves the image's command out (Engine API).
  if (entrypoint) return [...entrypoint, ...(command ?? [])];
  if (!image) return command && [...command];
  return [...(image.entrypoint ?? []), ...(command ?? image.command ?? [])];
}

/** The words as one text: a shell's script taken out of its quotes, and package.json's scripts in place of their names. */
function scriptText(words: readonly string[], scripts: Readonly<Record<string, string>>): string {
  let text = words.filter((word) => !/^(?:.*\/)?(?:ba|da|a)?sh$|^-[a-z]*c$/.test(word)).join(" ");
  // A script may call another: three times is enough for people, and an end for circles.
  for (let depth = 0; depth < 3; depth += 1) {
    text = text.replace(
      /\b(?:npm|pnpm|yarn|bun)(?: --?[\w-]+)*(?: run(?:-script)?)?(?: --?[\w-]+)* ([\w:.-]+)/g,
      (whole, name: string) => (Object.hasOwn(scripts, name) ? (scripts[name] ?? whole) : whole),
    );
  }
  return text.replace(/\s+/g, " ");
}

function kindOf(text: string): Program["kind"] {
  if (reloading.some((pattern) => pattern.test(text))) return "reloads";
  return serving.some((pattern) => pattern.test(text)) ? "serves" : "restarts";
}

/** Whether the program must start anew to see what changed at this path of the container. */
export function needsRestart(program: Program, target: string): boolean {
  if (program.kind !== "serves") return program.kind === "restarts";
  // A server hands out files as they are, but reads its own settings once.
  return target.startsWith("/etc/") || /\.conf$|^Caddyfile$|^\.htpasswd$/.test(posix.basename(target));
}

/** The command of an image from its Dockerfile alone: undefined where it is left to a base image. */
export function commandOf(stages: readonly DockerfileStage[], target: DockerfileStage): ImageCommand | undefined {
  const chain: DockerfileStage[] = [];
  for (let stage: DockerfileStage | undefined = target; stage; ) {
    chain.unshift(stage);
    stage = stage.from.kind === "stage" ? stages[stage.from.stage] : undefined;
  }
  let found: ImageCommand | undefined;
  for (const { steps } of chain) {
    let own = false;
    for (const { instruction } of steps) {
      const { keyword, rest } = instruction;
      const words = () => jsonWords(rest) ?? ["/bin/sh", "-c", rest];
      if (keyword === "CMD") {
        found = { entrypoint: found?.entrypoint, command: words() };
        own = true;
      }
      // An entry point puts aside the command that the stage began with.
      if (keyword === "ENTRYPOINT") found = { entrypoint: words(), command: own ? found?.command : undefined };
    }
  }
  return found;
}
