import { chmod, readFile, readlink, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { unpackTar } from "modern-tar";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Progress } from "../../src/base/progress.ts";
import { buildImage } from "../../src/build/build.ts";
import { type Builder, findBuilder } from "../../src/build/builder.ts";
import { listContext } from "../../src/build/context.ts";
import type { ReadTriggers } from "../../src/dev/base-images.ts";
import { applyMode } from "../../src/dev/mode.ts";
import { compareLayers } from "../../src/dev/placement.ts";
import { linksOf, readSyncRules } from "../../src/dev/read-sync-rules.ts";
import type { SyncTarget } from "../../src/dev/verdict.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import type { Environment } from "../../src/environment/model.ts";
import { type Content, Folder } from "../build/folder.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { environment, stage } from "../plan/world.ts";

interface Found {
  readonly type: string | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly text: string;
}

const files: Readonly<Record<string, Content>> = {
  "server.js": "serve()",
  "package.json": "{}",
  "src/a b.js": "a",
  "src/deep/er/ü.js": "u",
  "src/run.sh": { text: "#!/bin/sh", mode: 0o755 },
  "src/secret": { text: "s", mode: 0o600 },
  "src/link": { link: "a b.js" },
  "src/-dash.txt": "dash",
  "web/index.html": "<p>",
  "web/css/a.css": "a{}",
  "conf/site.conf": "conf",
  "conf/other.conf": "other",
  "README.md": "read",
  "ignored/x.js": "x",
};

const ignore = "ignored\n*.lock\nDockerfile\n.dockerignore\n";

/** Each is built twice on a real engine: what differs must be what the rules say, to the last bit. */
const dockerfiles: Readonly<Record<string, string>> = {
  "a Node service with its dependencies first": `FROM node:20-slim
WORKDIR /app
COPY package.json ./
RUN node -e "fs.writeFileSync('installed', fs.readFileSync('package.json'))"
COPY . .
RUN useradd --system --uid 10001 app && mkdir -p uploads && chown -R app:users /app && chmod +x server.js
USER app
CMD ["node", "server.js"]
`,
  "folders, files and patterns": `FROM busybox
ARG TO=/srv
ENV WEB=\${TO}/web
WORKDIR /srv
COPY src ./code/
COPY --chown=1000 web/ $WEB
COPY conf/*.conf /etc/site/
COPY conf/site.conf /etc/main.conf
COPY server.js README.md /docs/
COPY ["src/a b.js", "/with blank/"]
ADD web /added
COPY --chmod=640 conf /conf
COPY src/* /flat/
`,
  "into folders that are there, and out of odd paths": `FROM busybox
WORKDIR /a
WORKDIR b
COPY server.js ..
COPY README.md /a/b
COPY conf/?ite.conf .
COPY src/. ./dot/
COPY web/css ./
COPY ./src//deep /a/deep/
ADD --chown=4:4 server.js conf/[o]ther.conf /added/
RUN touch x; chmod 700 dot && chown 3 dot/run.sh \\
  # only the group
  && chown -R :9 /a/deep
`,
  "over one another": `FROM busybox
COPY . /app/
COPY conf/other.conf /app/conf/site.conf
COPY --chown=7:8 web /app/src/
RUN rm -rf /app/conf/other.conf /app/web/*.html && chmod -R go-rwx /app/web
`,
  "through stages": `FROM busybox AS files
WORKDIR /site
COPY --chown=5:6 web .
COPY --chmod=600 conf/site.conf conf/
FROM busybox AS build
WORKDIR /build
COPY src .
RUN cat *.js > all.js
FROM scratch
COPY --from=files /site /www
COPY --from=build /build/all.js /www/all.js
COPY --from=0 /site/index.html /home.html
COPY server.js /
`,
  "what base images and stages add by ONBUILD": `FROM inference-test-base AS first
COPY src code
ONBUILD COPY --chown=9 conf/*.conf /again/
FROM first
COPY server.js ./
`,
  "an owner by name, with a group of its own": `FROM busybox
RUN mkdir -p /etc && echo app:x:1234:1300::/:/bin/sh >> /etc/passwd && echo app:x:1400: >> /etc/group
WORKDIR /home/app
COPY --chown=app src /home/app/src
COPY web web
RUN chown -R app web && chown :app web/index.html
`,
};

const baseWithTriggers = `FROM busybox
ONBUILD COPY --chown=7:8 web /www/
ONBUILD ARG TO=/srv
ONBUILD WORKDIR $TO
ONBUILD COPY conf ./conf
ONBUILD RUN chmod -R g-r conf
`;

describeLab("what is inferred is what a build makes", () => {
  let variables: Readonly<Record<string, string | undefined>>;
  let builder: Builder;
  let engine: Engine;
  const readTriggers: ReadTriggers = async (names) => {
    const images = await Promise.all(names.map(async (name) => [name, await engine.image(name)] as const));
    return new Map(images.flatMap(([name, image]) => (image ? [[name, image.onBuild] as const] : [])));
  };

  beforeAll(async () => {
    const lab = await useLab();
    variables = { ...process.env, ...lab.env };
    builder = await findBuilder({ variables });
    engine = await openEngine({ kind: "unix", name: "lab", path: lab.localSocket });
    await using folder = await Folder.of({ Dockerfile: baseWithTriggers });
    await docker("build", "--quiet", "--tag", "inference-test-base", folder.path);
  });
  afterAll(async () => {
    await docker("rmi", "--force", "inference-test-base");
    await engine.close();
  });

  async function docker(...command: readonly string[]): Promise<Uint8Array> {
    const result = await execa(builder.binary, command, { env: variables, extendEnv: false, encoding: "buffer" });
    return result.stdout;
  }

  /** What of the image is looked at: all of it, or, in one that is large, what matters. */
  async function tars(container: string, base: string): Promise<readonly (readonly [string, Uint8Array])[]> {
    if (base !== "node") return [["/", await docker("export", container)]];
    const roots = ["/app", "/etc/passwd", "/etc/group"];
    return Promise.all(
      roots.map(async (root) => [`${dirname(root)}/`, await docker("cp", `${container}:${root}`, "-")] as const),
    );
  }

  /** The image's files by absolute path. */
  async function built(world: Environment, base: string): Promise<ReadonlyMap<string, Found>> {
    const result = await buildImage({
      image: world.image,
      labels: {},
      secrets: {},
      builder,
      variables,
      commitTime: undefined,
      progress: new Progress(() => {}),
    });
    if (result.kind !== "loaded") throw new Error("the image was pushed");
    const container = Buffer.from(await docker("create", result.id, "nothing"))
      .toString()
      .trim();
    try {
      const found = await Promise.all(
        (await tars(container, base)).map(async ([folder, tar]) =>
          (await unpackTar(tar)).map((entry) => ({ ...entry, path: join(folder, entry.header.name) })),
        ),
      );
      return new Map(
        found.flat().map(({ header, data, path }) => [
          path.replace(/\/$/, ""),
          {
            type: header.type,
            mode: (header.mode ?? 0) & 0o7777,
            uid: header.uid ?? 0,
            gid: header.gid ?? 0,
            text: header.type === "symlink" ? (header.linkname ?? "") : Buffer.from(data ?? []).toString(),
          },
        ]),
      );
    } finally {
      await docker("rm", "--force", container);
      await docker("rmi", "--force", result.id);
    }
  }

  it.each(Object.entries(dockerfiles))(
    "%s",
    async (_, dockerfile) => {
      await using folder = await Folder.of({ ...files, Dockerfile: dockerfile, ".dockerignore": ignore });
      const world = environment([]);
      const here: Environment = {
        ...world,
        directory: folder.path,
        image: { ...world.image, context: folder.path, dockerfile: folder.join("Dockerfile") },
      };
      const base = dockerfile.startsWith("FROM node") ? "node" : "busybox";
      const before = await built(here, base);
      const rulesNow = async () => {
        const { entries } = await listContext(here.image);
        return {
          entries,
          rules: await readSyncRules(here, stage(), { built: undefined, links: linksOf(entries), readTriggers }),
        };
      };
      const first = await rulesNow();
      // Whatever is no rebuild is changed: text and permissions, one file is new, one is gone.
      for (const { path, kind } of first.entries) {
        if (kind !== "file" || first.rules.judge(path, kind).action === "rebuild") continue;
        await folder.write(path, `changed ${path}`);
        await chmod(folder.join(path), 0o751);
      }
      await folder.write("ignored/new.js", "new");
      for (const path of ["web/new.html", "src/new one.js"]) {
        if (first.rules.judge(path).action !== "rebuild") await folder.write(path, `new ${path}`);
      }
      const gone = "web/css/a.css";
      if (first.rules.judge(gone).action !== "rebuild") await rm(folder.join(gone));
      const after = await built(here, base);

      const { entries, rules } = await rulesNow();
      const wanted = new Map<string, { target: SyncTarget; path: string; kind: string; mode: number }>();
      for (const entry of entries) {
        const verdict = rules.judge(entry.path, entry.kind);
        if (verdict.action !== "sync") continue;
        for (const target of verdict.targets) {
          if (compareLayers(target.layer, wanted.get(target.path)?.target.layer ?? target.layer) < 0) continue;
          wanted.set(target.path, {
            target,
            path: entry.path,
            kind: entry.kind,
            mode: entry.kind === "symlink" ? 0o777 : applyMode(target.mode, entry.mode),
          });
        }
      }
      expect(wanted.size).toBeGreaterThan(3);
      const users = after.get("/etc/passwd")?.text ?? "";
      const groups = after.get("/etc/group")?.text ?? "";
      for (const [place, { target, path, kind, mode }] of wanted) {
        const found = after.get(place);
        const text =
          kind === "directory"
            ? ""
            : kind === "symlink"
              ? await readlink(folder.join(path))
              : await readFile(folder.join(path), "utf8");
        const owner = target.owner ?? { user: "0", group: "0" };
        const uid = idOf(users, owner.user, 2);
        const gid = owner.group === undefined ? idOf(users, owner.user, 3) : idOf(groups, owner.group, 2);
        // Whose a link itself is, shells' chown do not agree on.
        const ids = kind === "symlink" ? {} : { uid, gid };
        expect({ place, ...found }).toMatchObject({ place, type: kind, text, mode, ...ids });
      }
      const targets = new Set(wanted.keys());
      const goneTo = first.rules.judge(gone);
      const vanished = goneTo.action === "sync" ? goneTo.targets.map(({ path }) => path) : [];
      const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
        (path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)) && path !== "/etc/hostname",
      );
      expect(differing.filter((path) => !targets.has(path) && !vanished.includes(path))).toEqual([]);
      for (const path of vanished) if (!targets.has(path)) expect(after.has(path)).toBe(false);
    },
    120_000,
  );
});

function idOf(list: string, name: string, column: number): number {
  if (/^\d+$/.test(name)) return Number(name);
  const line = list.split("\n").find((one) => one.startsWith(`${name}:`));
  return Number(line?.split(":")[column]);
}
