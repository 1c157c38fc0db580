// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles, not of JavaScript
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DesiredView } from "../../src/dev/desired-tree.ts";
import { judge, rulesOf } from "./rules.ts";

type Cases = Readonly<Record<string, string>>;

function expectAll(rules: ReturnType<typeof rulesOf>, cases: Cases): void {
  const found = Object.fromEntries(Object.keys(cases).map((path) => [path, judge(rules, path)]));
  expect(found).toEqual(cases);
}

const node = `FROM node:20-slim
WORKDIR /app
COPY package*.json ./
RUN npm ci --omit=dev
COPY . .
RUN mkdir -p /app/uploads && chown -R node:node /app
USER node
EXPOSE 8080
CMD ["node", "server.js"]
`;

describe("what is inferred from whole Dockerfiles", () => {
  it("a Node service", () => {
    expectAll(rulesOf(node, { ignore: "node_modules\n.git\n" }), {
      "server.js": "sync+restart /app/server.js node:node",
      "src/a b/ü.js": "sync+restart /app/src/a b/ü.js node:node",
      "src/": "sync+restart /app/src node:node",
      "link@": "sync+restart /app/link node:node",
      "package.json": "rebuild Dockerfile:4",
      "package-lock.json": "rebuild Dockerfile:4",
      Dockerfile: "rebuild",
      ".dockerignore": "rebuild",
      "Dockerfile.dockerignore": "rebuild",
      "node_modules/x/index.js": "ignore",
      ".git/HEAD": "ignore",
    });
  });

  it("a Python service that reloads by itself", () => {
    const rules = rulesOf(
      `FROM python:3.12-slim AS base
ENV APP=/srv/app PYTHONUNBUFFERED=1
WORKDIR $APP
COPY requirements.txt .
RUN pip install -r requirements.txt
RUN useradd -m app
COPY --chown=app:app app/ ./app/
COPY --chmod=755 entrypoint.sh /usr/local/bin/
ENTRYPOINT ["entrypoint.sh"]
CMD ["uvicorn", "app.main:app", "--reload"]
`,
    );
    expectAll(rules, {
      "app/main.py": "sync /srv/app/app/main.py app:app",
      "app/templates/a.html": "sync /srv/app/app/templates/a.html app:app",
      "entrypoint.sh": "sync /usr/local/bin/entrypoint.sh -7777+755",
      "requirements.txt": "rebuild Dockerfile:5",
      "requirements-dev.txt": "ignore",
      "README.md": "ignore",
      // The folder that COPY names stays as it is: only what is in it is copied.
      "app/": "ignore",
    });
  });

  it("Go in two stages", () => {
    const rules = rulesOf(
      `# syntax=docker/dockerfile:1
FROM golang:1.22 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg go mod download
COPY . .
RUN go build -o /out/shop ./cmd/shop

FROM scratch
COPY --from=build /out/shop /shop
COPY --from=build /src/web /web
COPY config/prod.yaml /etc/shop/config.yaml
ENTRYPOINT ["/shop"]
`,
    );
    expectAll(rules, {
      "cmd/shop/main.go": "rebuild Dockerfile:7",
      "go.mod": "rebuild Dockerfile:5",
      "web/index.html": "rebuild Dockerfile:7",
      "config/prod.yaml": "rebuild Dockerfile:7",
    });
  });

  it("nginx with files that another stage only collects", () => {
    const rules = rulesOf(
      `FROM busybox AS files
WORKDIR /site
COPY --chown=1000 public/ ./
COPY extra/robots.txt ./

FROM nginx:1.27
COPY nginx.conf /etc/nginx/nginx.conf
COPY site.conf /etc/nginx/conf.d/default.conf
COPY --from=files /site /usr/share/nginx/html
`,
    );
    expectAll(rules, {
      "public/index.html": "sync /usr/share/nginx/html/index.html 1000:1000",
      "public/css/a.css": "sync /usr/share/nginx/html/css/a.css 1000:1000",
      "extra/robots.txt": "sync /usr/share/nginx/html/robots.txt",
      "nginx.conf": "sync+restart /etc/nginx/nginx.conf",
      "site.conf": "sync+restart /etc/nginx/conf.d/default.conf",
    });
  });

  it("a static site in an image without a shell", () => {
    const rules = rulesOf(
      `FROM busybox:1.36 AS server
FROM scratch
COPY --from=server /bin/busybox /httpd
COPY --chmod=644 www /www
COPY robots.txt /www/
COPY other.txt /www
CMD ["/httpd", "-f", "-h", "/www"]
`,
    );
    expectAll(rules, {
      "www/index.html": "sync /www/index.html -7777+644",
      "robots.txt": "sync /www/robots.txt",
      "other.txt": "sync /www/other.txt",
    });
  });

  it("builds in one stage: what the build uses is built again", () => {
    const rules = rulesOf("FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nCMD npm start\n");
    expectAll(rules, { "src/a.ts": "rebuild Dockerfile:4", "public/logo.png": "rebuild Dockerfile:4" });
  });
});

const at = (lines: string, paths: Cases, overrides: Parameters<typeof rulesOf>[1] = {}) =>
  expectAll(rulesOf(`FROM scratch\n${lines}\nCMD ["/nginx"]\n`, overrides), paths);

describe("where COPY puts files", () => {
  it.each<[string, string, Cases]>([
    ["a file to a file", "COPY a.txt /b.txt", { "a.txt": "sync /b.txt", "b.txt": "ignore" }],
    ["a file into a folder", "COPY a.txt /b/", { "a.txt": "sync /b/a.txt" }],
    ["a file into a folder that is there", "WORKDIR /b\nCOPY a.txt /b", { "a.txt": "sync /b/a.txt" }],
    ["a file to the working folder", "WORKDIR /b\nCOPY x/a.txt .", { "x/a.txt": "sync /b/a.txt" }],
    ["relative folders", "WORKDIR /b\nWORKDIR c\nCOPY a.txt ../d/", { "a.txt": "sync /b/d/a.txt" }],
    ["the contents of a folder", "COPY x /y", { "x/a/b.txt": "sync /y/a/b.txt", "x/a/": "sync /y/a", "x/": "ignore" }],
    ["several sources", "COPY a.txt x ./y/ /z/", { "a.txt": "sync /z/a.txt", "x/b": "sync /z/b", "y/c": "sync /z/c" }],
    ["all", "COPY . /", { a: "sync /a", "b/c": "sync /b/c" }],
    ["a dot-slash and doubled slashes", "COPY ./x//y/ /z", { "x/y/a": "sync /z/a" }],
    ["JSON, with blanks", 'COPY ["a b.txt", "/c d/"]', { "a b.txt": "sync /c d/a b.txt" }],
    ["a star", "COPY *.txt /t/", { "a.txt": "sync /t/a.txt", "x/a.txt": "ignore", "a.md": "ignore" }],
    ["a star that matches a folder", "COPY x/* /t/", { "x/a": "sync /t/a", "x/y/b": "sync /t/b", "x/y/": "ignore" }],
    ["a question mark", "COPY a?.txt /t/", { "ab.txt": "sync /t/ab.txt", "abc.txt": "ignore" }],
    ["a class", "COPY [ab].txt /t/", { "a.txt": "sync /t/a.txt", "c.txt": "ignore" }],
    [
      "two stars, on which builders disagree",
      "COPY **/*.txt /t/",
      { "x/a.txt": "sync /t/a.txt", "x/y/a.txt": "rebuild Dockerfile:2" },
    ],
    ["--parents", "COPY --parents x/*.txt ./x/./y/ /t/", { "x/a.txt": "sync /t/x/a.txt", "x/y/b": "sync /t/y/b" }],
    [
      "--parents with two stars",
      "COPY --parents **/*.txt /t/",
      { "a.txt": "sync /t/a.txt", "x/y/a.txt": "sync /t/x/y/a.txt" },
    ],
    [
      "--exclude",
      "COPY --exclude=*.md . /t/",
      { "a.md": "ignore", "a.txt": "sync /t/a.txt", "x/a.md": "sync /t/x/a.md" },
    ],
    [
      "--exclude that may mean two things",
      "COPY --exclude=a.md x /t/",
      { "x/a.md": "rebuild Dockerfile:2", "x/b": "sync /t/b" },
    ],
    ["--link", "COPY --link x /y", { "x/a": "sync /y/a" }],
    ["an owner by name, and its own group", "COPY --chown=app x /y/", { "x/a": "sync /y/a app:*" }],
    ["an owner by number", "COPY --chown=10 x /y/", { "x/a": "sync /y/a 10:10" }],
    ["a mode in words", "COPY --chmod=u+x,go-w x /y/", { "x/a": "sync /y/a -22+100" }],
    ["two copies of one file", "COPY a /x\nCOPY a /y", { a: "sync /x, /y" }],
    [
      "ADD of a file, an archive and a URL",
      "ADD a.txt b.tar.gz https://example.com/c /t/",
      { "a.txt": "sync /t/a.txt", "b.tar.gz": "rebuild Dockerfile:2", c: "ignore" },
    ],
    [
      "a file to what may be a folder",
      "COPY x /t\nCOPY b.txt /t",
      { "b.txt": "rebuild Dockerfile:3", "x/a": "sync /t/a" },
    ],
    ["a folder with an archive in it, which ADD leaves as it is", "ADD x /t/", { "x/b.tgz": "sync /t/b.tgz" }],
    ["a link that is named", "COPY a /b", { "a@": "rebuild Dockerfile:2" }],
    [
      "a here-document over it",
      "COPY . /x/\nCOPY <<EOF /x/a\nhello\nEOF\nCOPY b /",
      { a: "ignore", b: "sync /x/b, /b", hello: "sync /x/hello" },
    ],
    [
      "continued lines with comments",
      "COPY a \\\n# b \\\n\n  c \\\n  /t/",
      { a: "sync /t/a", c: "sync /t/c", b: "ignore" },
    ],
    ["variables", "ARG X=x\nENV Y=/y/${X}\nCOPY $X/a ${Y}/${Z:-z}/", { "x/a": "sync /y/x/z/a" }],
    ["an escaped dollar", "COPY \\$a /t/", { $a: "sync /t/$a" }],
    ["an unknown flag", "COPY --sparkle x /t/", { "x/a": "rebuild Dockerfile:2", b: "ignore" }],
    ["an unknown instruction", "TELEPORT x /t/", { "x/a": "rebuild Dockerfile:2" }],
  ])("%s", (_, lines, paths) => at(lines, paths));

  it("takes build arguments, and those from before FROM only where they are declared", () => {
    const text = "ARG V=1\nARG W=2\nFROM scratch\nARG V\nCOPY a$V /t$W/\nARG W=3\nCOPY b$W /u/\n";
    expectAll(rulesOf(text), { a1: "sync+restart /t/a1", b3: "sync+restart /u/b3" });
    expectAll(rulesOf(text, { image: { args: { V: "7", W: "8" } } }), {
      a7: "sync+restart /t/a7",
      b8: "sync+restart /u/b8",
    });
  });

  it("knows another escape character", () => {
    const rules = rulesOf("# escape=`\nFROM scratch\nCOPY a `\n  b `\n  /c\\d/\n");
    expect(judge(rules, "b")).toBe("sync+restart /c\\d/b");
  });

  it("cannot tell whether a base image has a folder, and says so", () => {
    const rules = rulesOf("FROM debian\nCOPY run.sh /srv/start\nCOPY b.sh /usr/local/bin\nCOPY c.sh /opt/c.sh\n");
    expectAll(rules, {
      "run.sh": "rebuild Dockerfile:2",
      "b.sh": "sync+restart /usr/local/bin/b.sh",
      "c.sh": "sync+restart /opt/c.sh",
    });
    expect(rules.judge("run.sh")).toMatchObject({ why: expect.stringMatching(/only the image tells/) });
  });

  it("needs the base image for its WORKDIR and its variables", () => {
    const text = "FROM golang\nCOPY a .\nCOPY b $GOPATH/src/\n";
    expectAll(rulesOf(text), { a: "rebuild Dockerfile:2", b: "rebuild Dockerfile:3", c: "ignore" });
    const built = { workdir: "/go", env: { GOPATH: "/go" }, command: ["bash"], entrypoint: undefined };
    expectAll(rulesOf(text, { built }), { a: "sync+restart /go/a", b: "sync+restart /go/src/b", c: "ignore" });
  });

  it("follows links that COPY names", () => {
    const links = new Map([
      ["current", "releases/2"],
      ["x/l", "../shared"],
    ]);
    const rules = rulesOf("FROM scratch\nCOPY current/a /a\nCOPY x/* /x/\nCOPY releases/1 /one/\n", { links });
    expectAll(rules, {
      "releases/2/a": "rebuild Dockerfile:2",
      "shared/b": "rebuild Dockerfile:3",
      "releases/1/a": "sync+restart /one/a",
    });
  });
});

describe("what commands of the build do to it", () => {
  it.each<[string, string, Cases]>([
    ["a command that may read anything", "COPY x /x\nRUN make", { "x/a": "rebuild Dockerfile:3" }],
    ["a command before the copy", "RUN make\nCOPY x /x", { "x/a": "sync /x/a" }],
    ["used first, copied again later", "COPY x /x\nRUN make\nCOPY x /y", { "x/a": "rebuild Dockerfile:3" }],
    [
      "folders, users, packages",
      "COPY x /x\nRUN mkdir -p /y && adduser -D app; apk add --no-cache curl > /dev/null 2>&1\nRUN set -eux; \\\n  apt-get update; \\\n  apt-get install -y --no-install-recommends curl=7.1 git; \\\n  rm -rf /var/lib/apt/lists/*",
      { "x/a": "sync /x/a" },
    ],
    [
      "packages from files that were copied",
      "COPY x.deb /x/\nRUN apt-get install -y /x/x.deb",
      { "x.deb": "rebuild Dockerfile:3" },
    ],
    [
      "settings that packages read",
      "COPY s.list /etc/apt/\nCOPY x /usr/src/x\nRUN apt-get update",
      { "s.list": "rebuild Dockerfile:4", "x/a": "sync /usr/src/x/a" },
    ],
    [
      "a new owner",
      "COPY x /x\nRUN chown -R 10:20 /x && chown app /x/b",
      { "x/a": "sync /x/a 10:20", "x/b": "sync /x/b app:20" },
    ],
    ["a new owner of the folder alone", "COPY x /x\nRUN chown 10 /x", { "x/a": "sync /x/a" }],
    ["an owner that only the image knows", "COPY x /x\nRUN chown -R app: /x", { "x/a": "rebuild Dockerfile:3" }],
    [
      "a new mode",
      "COPY x /x\nRUN chmod +x /x/a && chmod -R go-rwx /x",
      { "x/a": "sync /x/a -77+100", "x/b": "sync /x/b -77+0" },
    ],
    ["a mode that depends on more", "COPY x /x\nRUN chmod -R a+X /x", { "x/a": "rebuild Dockerfile:3" }],
    [
      "removed again",
      "COPY x /x\nRUN rm -rf /x/test /x/*.md",
      { "x/test/a": "ignore", "x/a.md": "ignore", "x/a.js": "sync /x/a.js" },
    ],
    [
      "a relative path",
      "WORKDIR /x\nCOPY x .\nRUN chown 1:1 a && cd y && chown 2:2 a",
      { "x/a": "sync /x/a 1:1", "x/y/a": "sync /x/y/a 2:2" },
    ],
    ["JSON", 'COPY x /x\nRUN ["chown", "-R", "1:1", "/x"]', { "x/a": "sync /x/a 1:1" }],
    ["a variable in a command", "ENV D=/x\nCOPY x /x\nRUN chown -R 1:1 $D", { "x/a": "sync /x/a 1:1" }],
    ["pipes", "COPY x /x\nRUN cat /x/a | sh", { "x/a": "rebuild Dockerfile:3" }],
    ["what a variable of the shell hides", "COPY x /x\nRUN chown -R 1:1 $(ls)", { "x/a": "rebuild Dockerfile:3" }],
    ["here-documents", "COPY x /x\nRUN <<EOF\nmkdir /y\nEOF", { "x/a": "rebuild Dockerfile:3", mkdir: "ignore" }],
    ["another shell", 'SHELL ["pwsh"]\nCOPY x /x\nRUN mkdir y', { "x/a": "rebuild Dockerfile:4" }],
    [
      "a mount of the context",
      "RUN --mount=type=bind,source=x,target=/x make\nCOPY y /y",
      { "x/a": "rebuild Dockerfile:2", "y/a": "sync /y/a" },
    ],
    [
      "a mount of all of it",
      "RUN --mount=target=. make\nCOPY y /y",
      { "y/a": "rebuild Dockerfile:2", z: "rebuild Dockerfile:2" },
    ],
    [
      "a mount of a cache or a secret",
      "COPY x /x\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s mkdir /z",
      { "x/a": "sync /x/a" },
    ],
  ])("%s", (_, lines, paths) => at(lines, paths));
});

describe("stages", () => {
  it("goes by target, names, numbers and chains", () => {
    const text = `FROM scratch AS a
COPY x /x
FROM a AS b
COPY y /y
FROM scratch AS c
COPY --from=0 /x/1 /c/1
COPY --from=B / /all/
FROM debian AS d
COPY z /z
RUN make
`;
    expectAll(rulesOf(text, { image: { target: "b" } }), {
      "x/1": "sync+restart /x/1",
      "y/1": "sync+restart /y/1",
      z: "ignore",
    });
    expectAll(rulesOf(text, { image: { target: "2" } }), {
      "x/1": "sync+restart /c/1, /all/x/1",
      "y/1": "sync+restart /all/y/1",
    });
    expectAll(rulesOf(text), { "z/a": "rebuild Dockerfile:10", "x/1": "ignore" });
    expectAll(rulesOf(text, { image: { target: "nope" } }), { "x/1": "rebuild" });
  });

  it("keeps owners between stages, unless COPY says another", () => {
    const text =
      "FROM scratch AS a\nCOPY --chown=1:2 --chmod=600 x /x\nFROM scratch\nCOPY --from=a /x /y\nCOPY --from=a --chown=3:4 /x /z\n";
    expectAll(rulesOf(text), { "x/a": "sync+restart /y/a 1:2 -7777+600, /z/a 3:4 -7777+600" });
  });

  it("what another stage has may stand over it", () => {
    const text =
      "FROM debian AS a\nRUN make\nFROM debian\nCOPY . /app/\nCOPY --from=a /out /app/dist\nCOPY --from=nginx:1 /etc/x /app/x\n";
    expectAll(rulesOf(text), {
      "dist/a": "rebuild Dockerfile:5",
      x: "rebuild Dockerfile:6",
      "src/a": "sync+restart /app/src/a",
    });
  });

  it("has what ONBUILD of a stage or of a base image adds behind FROM, once", () => {
    const stages = "FROM debian AS a\nONBUILD COPY . /x\nFROM a AS b\nCOPY y /y\nFROM b\nCOPY z /z\n";
    expectAll(rulesOf(stages), { "y/a": "sync+restart /x/y/a, /y/a", "z/a": "sync+restart /x/z/a, /z/a" });
    expectAll(rulesOf(stages, { image: { target: "a" } }), { "y/a": "ignore" });
    const onBuild = new Map([
      ["node:onbuild", ["WORKDIR /app", "COPY package.json .", "RUN npm ci", "COPY --chown=node . .", 'CMD ["nginx"]']],
    ]);
    const rules = rulesOf("FROM node:onbuild\nCOPY y /y\n", { onBuild });
    expectAll(rules, {
      "package.json": "rebuild Dockerfile:1",
      "y/a": "sync /app/y/a node:*, /y/a",
      "z/a": "sync /app/z/a node:*",
    });
    expect(rules.judge("package.json").why).toBe("`ONBUILD RUN npm ci` runs after it is copied, and may use it");
  });

  it("says where it is not known what a base image adds, and rebuilds where its name says that it does", () => {
    const unknown = (name: string) => rulesOf(`FROM ${name}\nCOPY y /y\n`).judge("README.md");
    expect(unknown("debian")).toMatchObject({
      action: "ignore",
      why: expect.stringContaining("whether debian does by ONBUILD is not known"),
    });
    expect(unknown("python:3-onbuild")).toMatchObject({ action: "rebuild", at: "Dockerfile:1" });
    const known = rulesOf("FROM python:3-onbuild\nCOPY y /y\n", { onBuild: new Map([["python:3-onbuild", []]]) });
    expect(known.judge("README.md")).toMatchObject({ action: "ignore", why: expect.not.stringContaining("ONBUILD") });
  });

  it("rebuilds for hidden sources, and without a FROM", () => {
    expectAll(rulesOf("FROM $NOTHING\nCOPY y /y\n"), { "y/a": "sync+restart /y/a" });
    // Of this FROM the builder alone knows which stage it is, with an ARG above it or without.
    const chosen = "FROM debian AS for-amd64\nCOPY y /y/\nFROM for-${TARGETARCH}\n";
    expectAll(rulesOf(chosen), { y: "rebuild Dockerfile:3" });
    expectAll(rulesOf(`ARG TARGETARCH\n${chosen}`), { y: "rebuild Dockerfile:4" });
    expectAll(rulesOf(chosen, { image: { args: { TARGETARCH: "amd64" } } }), { y: "sync+restart /y/y" });
    expectAll(rulesOf("FROM debian\nARG TARGETARCH\nCOPY bin/$TARGETARCH /y/\n"), {
      "bin/amd64/a": "rebuild Dockerfile:3",
    });
    expectAll(rulesOf("COPY y /y/\n"), { y: "rebuild" });
    expectAll(rulesOf("# syntax=example.com/other:1\nFROM debian\nCOPY y /y/\n"), { y: "rebuild" });
  });

  it("tells which of two files with one place wins", () => {
    const winner = (dockerfile: string, ...paths: readonly string[]) => {
      const entry = { kind: "file", mode: 0o644, hash: "", size: 0 } as const;
      const desired = new DesiredView(rulesOf(dockerfile)).of(new Map(paths.map((path) => [path, entry])));
      return desired.get("/app/config.json")?.source;
    };
    const both = ["prod/config.json", "all/config.json"] as const;
    expect(winner("FROM scratch\nCOPY . /app/\nCOPY prod.json /app/config.json\n", "prod.json", "config.json")).toBe(
      "prod.json",
    );
    for (const paths of [both, both.toReversed()]) {
      // Of the sources of one COPY, too, the later ones go over the earlier.
      expect(winner("FROM scratch\nCOPY all prod /app/\n", ...paths)).toBe("prod/config.json");
      expect(winner("FROM scratch\nCOPY prod all /app/\n", ...paths)).toBe("all/config.json");
      const joined = "FROM scratch AS joined\nCOPY all /out/\nCOPY prod /out/\nFROM scratch\n";
      expect(winner(`${joined}COPY --from=joined /out /app\n`, ...paths)).toBe("prod/config.json");
      expect(
        winner("FROM scratch AS base\nONBUILD COPY all /app/\nONBUILD COPY prod /app/\nFROM base\n", ...paths),
      ).toBe("prod/config.json");
    }
  });
});

describe("whether the program starts anew", () => {
  const verdictFor = (command: string, overrides: Parameters<typeof rulesOf>[1] = {}) =>
    judge(rulesOf(`FROM debian\nCOPY x /x\n${command}\n`, overrides), "x/a").replace(" /x/a", "");

  it.each<[string, string]>([
    ['CMD ["node", "server.js"]', "sync+restart"],
    ['CMD ["node", "--watch", "server.js"]', "sync"],
    ["CMD exec nodemon server.js", "sync"],
    ["CMD npx vite --host", "sync"],
    ["CMD npx vite preview", "sync+restart"],
    ["CMD next dev", "sync"],
    ["CMD next start", "sync+restart"],
    ["CMD gunicorn app:app", "sync+restart"],
    ["CMD gunicorn --reload app:app", "sync"],
    ["CMD python -m flask run", "sync+restart"],
    ["CMD flask --debug run", "sync"],
    ["CMD python manage.py runserver 0.0.0.0:8000", "sync"],
    ['ENTRYPOINT ["nginx"]\nCMD ["-g", "daemon off;"]', "sync"],
    ["CMD php-fpm", "sync"],
    ["CMD python3 -m http.server 80", "sync"],
    ["CMD serve -s build", "sync"],
    ['CMD ["node_modules/.bin/serve", "-s", "build"]', "sync"],
    ['ENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["serve", "build"]', "sync"],
    ["CMD npm run migrate && npx --yes serve build", "sync"],
    // A command of another program's.
    ['CMD ["node", "cli.js", "serve"]', "sync+restart"],
    ["CMD php bin/console serve --port 80", "sync+restart"],
    ["CMD mkdocs serve", "sync"],
    ["CMD npm start", "sync+restart"],
    ["CMD npm run dev", "sync"],
    ['ENTRYPOINT ["/tini", "--"]\nCMD ["node", "a.js"]', "sync+restart"],
  ])("%s", (command, expected) => {
    const scripts = { start: "node .", dev: "npm run watch", watch: "tsx watch src/index.ts" };
    expect(verdictFor(command, { scripts })).toBe(expected);
  });

  it("goes by what the environment file and the built image say", () => {
    const node = 'CMD ["node", "a.js"]';
    const watch = ["node", "--watch", "a.js"];
    expect(verdictFor(node, { settings: { command: watch } })).toBe("sync");
    expect(verdictFor(node, { app: { command: watch, entrypoint: undefined, volumes: [] } })).toBe("sync");
    const built = { workdir: "", env: {}, command: watch, entrypoint: undefined };
    expect(verdictFor("", { built })).toBe("sync");
    expect(verdictFor("")).toBe("sync+restart");
    expect(judge(rulesOf("FROM nginx:1\nCOPY x /x\n"), "x/a")).toBe("sync /x/a");
    expect(
      judge(rulesOf('FROM node:20 AS a\nENTRYPOINT ["nginx"]\nFROM a\nCOPY x /x\nENTRYPOINT ["node"]\n'), "x/a"),
    ).toBe("sync+restart /x/a");
  });
});

describe("explicit rules", () => {
  const position = { file: "/shop/envctl.yaml", line: 7, column: 5 };
  const rule = (
    path: string,
    action: "sync" | "sync+restart" | "rebuild" | "ignore",
    target?: string,
    run?: string[],
  ) => ({
    path,
    action,
    target,
    run,
    position,
  });

  it("go before what is inferred, in their order", () => {
    const rules = rulesOf(node, {
      ignore: "node_modules",
      settings: {
        rules: [
          rule("docs", "ignore"),
          rule("src/**/*.css", "sync", "/app/styles", ["touch", "/tmp/x"]),
          rule("src/special.js", "rebuild"),
          rule("src", "sync"),
          rule("package.json", "sync+restart", "/elsewhere/"),
          rule("one.txt", "sync", "/two.txt"),
        ],
      },
    });
    expectAll(rules, {
      "docs/a.md": "ignore",
      "src/x/a.css": "sync /app/styles/x/a.css",
      "src/special.js": "rebuild envctl.yaml:7",
      "src/a.js": "sync /app/src/a.js node:node",
      "package.json": "sync+restart /elsewhere/package.json",
      "one.txt": "sync /two.txt",
      "node_modules/a": "ignore",
      Dockerfile: "rebuild",
      "server.js": "sync+restart /app/server.js node:node",
    });
    expect(rules.judge("src/x/a.css")).toMatchObject({ run: [["touch", "/tmp/x"]], at: "envctl.yaml:7" });
  });

  it("are relative to the environment file, wherever the context is", () => {
    const rules = [rule("web/src", "sync", "/w"), rule("**/*.md", "ignore")];
    const inside = rulesOf(node, { image: { context: "/shop/web" }, settings: { rules } });
    expectAll(inside, {
      "src/a": "sync /w/a",
      "x/a.md": "ignore",
      "web/src/a": "sync+restart /app/web/src/a node:node",
    });
    const around = rulesOf(node, { image: { context: "/" }, settings: { rules: [rule("../lib", "sync", "/l")] } });
    expectAll(around, { "lib/a": "sync /l/a" });
  });

  it("without a place to sync to there is only a rebuild", () => {
    expectAll(rulesOf("FROM scratch\n", { settings: { rules: [rule("x", "sync")] } }), {
      "x/a": "rebuild envctl.yaml:7",
    });
    expectAll(rulesOf("FROM scratch\nCOPY x /x\n", { settings: { sync: "none" } }), { "x/a": "rebuild" });
  });

  it("nobody sees what a volume covers", () => {
    const volumes = [{ kind: "volume", source: "d", target: "/app/data", readOnly: false }] as const;
    const rules = rulesOf(node, { app: { command: undefined, entrypoint: undefined, volumes } });
    expectAll(rules, { "data/a": "ignore", "database/a": "sync+restart /app/database/a node:node" });
  });
});

describe("whatever a Dockerfile says", () => {
  const word = fc.constantFrom(
    "FROM",
    "scratch",
    "node",
    "AS",
    "a",
    "COPY",
    "ADD",
    "RUN",
    "--from=a",
    "--chown=x:y",
    "--mount=type=bind",
    "/app/",
    ".",
    "*",
    "[",
    '"',
    "'",
    "$",
    "${X:-",
    "}",
    "\\",
    "\n",
    "\nCOPY ",
    "\nRUN ",
    "\nFROM ",
    "<<EOF",
    "EOF",
    "ARG X=1",
    "ENV",
    "WORKDIR",
    "&&",
    "rm -rf",
    "chown -R",
    "ONBUILD",
    "#",
    "`",
    "**",
    "../",
    "--chmod=+x",
    '["a", "b"]',
    "chmod",
  );
  const text = fc.array(word, { maxLength: 40 }).map((words) => words.join(" "));
  const path = fc.array(fc.constantFrom("a", "b", "x y", "..", "*", "ü", ".a"), { minLength: 1, maxLength: 4 });
  const kind = fc.constantFrom("file", "directory", "symlink") as fc.Arbitrary<"file" | "directory" | "symlink">;

  it("every path gets a verdict, always the same", () => {
    fc.assert(
      fc.property(text, path, kind, (dockerfile, names, what) => {
        const of = () => rulesOf(dockerfile, { links: new Map([["a", "b"]]) }).judge(names.join("/"), what);
        const verdict = of();
        expect(of()).toEqual(verdict);
        if (verdict.action === "sync") {
          expect(verdict.targets.length).toBeGreaterThan(0);
          for (const target of verdict.targets) expect(target.path).toMatch(/^\/(?!.*\/\.?\/)/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
