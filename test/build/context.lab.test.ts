import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { type Builder, findBuilder } from "../../src/build/builder.ts";
import { listContext } from "../../src/build/context.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { type Content, Folder } from "./folder.ts";

describeLab("the list of a build context, against what a real builder delivers", () => {
  let variables: Readonly<Record<string, string | undefined>>;
  let builder: Builder;

  beforeAll(async () => {
    variables = { ...process.env, ...(await useLab()).env, DOCKER_BUILDKIT: "1" };
    builder = await findBuilder({ variables });
  });

  /** What `COPY . /` brings into an image, exported to files. */
  async function delivered(folder: Folder, dockerfile: string): Promise<readonly string[]> {
    await using output = await Folder.of({});
    const build = builder.kind === "buildx" ? ["buildx", "build"] : ["build"];
    const target = ["--output", `type=local,dest=${output.join("out")}`];
    await execa(builder.binary, [...build, "--progress=plain", ...target, "--file", dockerfile, "--", folder.path], {
      env: variables,
      extendEnv: false,
    });
    return await describeTree(output.join("out"));
  }

  async function listed(folder: Folder, dockerfile: string): Promise<readonly string[]> {
    const { entries } = await listContext({ context: folder.path, dockerfile });
    return entries.map((entry) => {
      const detail = entry.kind === "symlink" ? entry.target : entry.mode.toString(8);
      return `${entry.kind} ${JSON.stringify(entry.path)} ${detail}`;
    });
  }

  async function compare(files: Readonly<Record<string, Content>>, dockerfile = "Dockerfile"): Promise<void> {
    await using folder = await Folder.of(files);
    const [ours, theirs] = await Promise.all([
      listed(folder, folder.join(dockerfile)),
      delivered(folder, folder.join(dockerfile)),
    ]);
    expect(ours).toEqual([...theirs].sort(byPath));
  }

  const dockerfile = "FROM scratch\nCOPY . /\n";
  const tree: Readonly<Record<string, Content>> = {
    Dockerfile: dockerfile,
    "a.log": "",
    "A.LOG": "",
    "b.txt": { text: "", mode: 0o755 },
    constructor: "",
    "c++/x.cc": "",
    "(group)/[id].tsx": "",
    "new\nline": "",
    "sp ace/ünï 😀.txt": "",
    "src/a.log": "",
    "src/b.txt": "",
    "src/deep/a.log": "",
    "src/deep/er/b.txt": { text: "", mode: 0o600 },
    "node_modules/m/index.js": "",
    "src/node_modules/m/index.js": "",
    "docs/README.md": "",
    "docs/a/README.md": "",
    loop: { link: "pool" },
    pool: { link: "loop" },
    "src/up": { link: ".." },
    ".git/HEAD": "",
    ".env": "",
  };

  it.each([
    "",
    "*",
    "**",
    "node_modules",
    "**/node_modules",
    "/node_modules/\n.git",
    "*.log",
    "**/*.log",
    "*/*.log",
    "src\n!src/deep",
    "src\n!src/deep/er/b.txt",
    "*\n!src\nsrc/deep",
    "*\n!docs/*.md\n!b.txt",
    "**/README.md\n!docs/README.md",
    "docs/**\n!docs/a",
    "src/**/b.txt",
    "constructor\nloop",
    "Dockerfile\n.dockerignore",
    "[a-b].*",
    "[^a-b]*",
    "?.txt\nsp ace",
    "\\(group\\)",
    "sp*/ü*",
    "new?line",
    "src/\n!src/node_modules/",
  ])("with .dockerignore %j", async (ignore) => {
    await compare({ ...tree, ".dockerignore": ignore });
  });

  it("with <Dockerfile>.dockerignore", async () => {
    await compare(
      {
        ...tree,
        "src/x.Dockerfile": dockerfile,
        "src/x.Dockerfile.dockerignore": "docs\n*.txt\n",
        ".dockerignore": "src",
      },
      "src/x.Dockerfile",
    );
  });

  const part = fc.constantFrom(
    "src",
    "deep",
    "er",
    "docs",
    "a",
    "*",
    "**",
    "*.log",
    "b.txt",
    "?*",
    "[a-s]*",
    "README.md",
  );
  const pattern = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

  it("with any patterns", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(pattern, { minLength: 1, maxLength: 5 }), (patterns) =>
        compare({ ...tree, ".dockerignore": `${patterns.join("\n")}\n` }),
      ),
      { numRuns: 20 },
    );
  });

  it("misses nothing that is delivered, even by patterns that contradict each other", async () => {
    const any = fc.tuple(fc.boolean(), pattern).map(([negated, text]) => (negated ? `!${text}` : text));
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 5 }), async (patterns) => {
        await using folder = await Folder.of({ ...tree, ".dockerignore": `${patterns.join("\n")}\n` });
        const ours = await listed(folder, folder.join("Dockerfile"));
        const theirs = withoutEmpty(await delivered(folder, folder.join("Dockerfile")));
        expect(theirs.filter((line) => !ours.includes(line))).toEqual([]);
      }),
      { numRuns: 30, examples: [[["!src", "**/src"]]] },
    );
  });
});

/**
 * Without directories that nothing is in: engines before 23 deliver an excluded directory that an exception names, even if
 * all in it is excluded again.
 */
function withoutEmpty(lines: readonly string[]): readonly string[] {
  const paths = lines.map(pathIn);
  return lines.filter(
    (line, index) => !line.startsWith("directory") || paths.some((path) => path.startsWith(`${paths[index]}/`)),
  );
}

function byPath(a: string, b: string): number {
  return pathIn(a) < pathIn(b) ? -1 : 1;
}

function pathIn(line: string): string {
  return JSON.parse(/"(?:[^"\\]|\\.)*"/.exec(line)?.[0] ?? '""') as string;
}

async function describeTree(root: string, directory = ""): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of await readdir(join(root, directory)).catch(() => [])) {
    const path = join(directory, name);
    const stats = await lstat(join(root, path));
    const kind = stats.isSymbolicLink() ? "symlink" : stats.isDirectory() ? "directory" : "file";
    const detail = kind === "symlink" ? await readlink(join(root, path)) : (stats.mode & 0o7777).toString(8);
    lines.push(`${kind} ${JSON.stringify(path)} ${detail}`);
    if (kind === "directory") lines.push(...(await describeTree(root, path)));
  }
  return lines;
}
