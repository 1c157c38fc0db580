import type { Folder } from "./detection.ts";

/** What a framework's build leaves: a program to start, or a folder of files to serve. */
export type FrameworkOutput = { readonly command: readonly string[] } | { readonly folder: string };

/** By the package that tells it, the surest first: many frameworks bring vite along. */
const frameworks: readonly (readonly [dependency: string, output: FrameworkOutput])[] = [
  ["nuxt", { command: ["node", ".output/server/index.mjs"] }],
  ["@sveltejs/adapter-node", { command: ["node", "build"] }],
  ["@sveltejs/adapter-static", { folder: "build" }],
  ["@astrojs/node", { command: ["node", "dist/server/entry.mjs"] }],
  ["next", { command: ["node_modules/.bin/next", "start"] }],
  ["astro", { folder: "dist" }],
  ["react-scripts", { folder: "build" }],
  ["@vue/cli-service", { folder: "dist" }],
  ["gatsby", { folder: "public" }],
  ["@11ty/eleventy", { folder: "_site" }],
  ["vitepress", { folder: ".vitepress/dist" }],
  ["vite", { folder: "dist" }],
];

export function frameworkOf(
  folder: Folder,
  dependencies: ReadonlySet<string>,
): { readonly name: string; readonly output: FrameworkOutput } | undefined {
  const [name, output] = frameworks.find(([dependency]) => dependencies.has(dependency)) ?? [];
  if (name === undefined || output === undefined) return undefined;
  const configured = folder
    .list()
    .filter((file) => /^(?:next|vite|astro)\.config\.[cm]?[jt]s$/.test(file))
    .map((file) => folder.read(file) ?? "")
    .join("\n");
  if (name === "next" && /\boutput:\s*["']export["']/.test(configured)) return { name, output: { folder: "out" } };
  const other = /\boutDir:\s*["'](?:\.\/)?([\w-][\w/-]*)["']/.exec(configured)?.[1];
  return { name, output: "folder" in output && other !== undefined ? { folder: other } : output };
}

/** True for scripts that start a framework's server for development, which is no way to run an image. */
export function isDevelopmentServer(script: string): boolean {
  return /^(?:npx )?(?:vite(?: dev| serve| preview)?|react-scripts start|vue-cli-service serve|astro (?:dev|preview)|gatsby develop|eleventy|next dev|nuxt dev|vitepress dev|parcel|webpack(?: serve|-dev-server)|nodemon)\b(?!.*&&)/.test(
    script.trim(),
  );
}
