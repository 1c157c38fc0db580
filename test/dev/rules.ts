import { DockerIgnore } from "../../src/build/dockerignore.ts";
import { type SyncRules, syncRules } from "../../src/dev/sync-rules.ts";
import type { SyncRulesInput } from "../../src/dev/sync-rules-input.ts";
import type { PathKind, Verdict } from "../../src/dev/verdict.ts";
import type { DevSettings, ImageDefinition } from "../../src/environment/model.ts";
import { environment } from "../plan/world.ts";

type Overrides = Partial<Omit<SyncRulesInput, "image" | "settings" | "ignore">> & {
  readonly image?: Partial<ImageDefinition>;
  readonly settings?: Partial<DevSettings>;
  readonly ignore?: string;
};

/** The rules of a Dockerfile in a project in `/shop`. */
export function rulesOf(dockerfile: string, overrides: Overrides = {}): SyncRules {
  const world = environment([]);
  const { image, settings, ignore, ...rest } = overrides;
  return syncRules({
    dockerfile: { path: "/shop/Dockerfile", text: dockerfile },
    image: { ...world.image, ...image },
    ignore: ignore === undefined ? DockerIgnore.none : DockerIgnore.parse(ignore, "/shop/.dockerignore"),
    ignoreFile: ignore === undefined ? undefined : "/shop/.dockerignore",
    settings: { ...world.dev, ...settings },
    directory: "/shop",
    app: { command: undefined, entrypoint: undefined, volumes: [] },
    built: undefined,
    ...rest,
  });
}

/** A verdict in a line: `sync+restart /app/a.js node:node`, `rebuild Dockerfile:3`, `ignore`. */
function inWords(verdict: Verdict): string {
  switch (verdict.action) {
    case "ignore":
      return "ignore";
    case "rebuild":
      return `rebuild ${verdict.at ?? ""}`.trim();
    case "sync": {
      const targets = verdict.targets.map(({ path, owner, mode }) =>
        [
          path,
          ...(owner ? [`${owner.user}:${owner.group ?? "*"}`] : []),
          ...(mode ? [`-${mode.clear.toString(8)}+${mode.set.toString(8)}`] : []),
        ].join(" "),
      );
      return `sync${verdict.restart ? "+restart" : ""} ${targets.join(", ")}`;
    }
  }
}

export function judge(rules: SyncRules, path: string): string {
  const kind: PathKind = path.endsWith("/") ? "directory" : path.endsWith("@") ? "symlink" : "file";
  return inWords(rules.judge(path.replace(/[/@]$/, ""), kind));
}
