import { existsSync } from "node:fs";
import { appendFile, chmod, chown, copyFile, cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { run } from "../command.ts";
import { staticBusybox } from "../install.ts";
import { debianRoot, installOnDebian } from "./debian-root.ts";
import type { Behaviour } from "./image-store.ts";
import { postgresEntrypoint } from "./postgres-entrypoint.ts";

/** How one base image is made. */
export interface Recipe {
  readonly repository: string;
  readonly tags: readonly string[];
  /** Changes with whatever the image is made of besides this code. */
  readonly version: string;
  /** `debian`: its layer goes on top of minimal Debian; `nothing`: it stands alone; `only`: it is minimal Debian. */
  readonly base: "debian" | "nothing" | "only";
  /** Makes the files of the image's own layer in `folder` and resolves to the folder that holds them. */
  readonly make: (folder: string) => Promise<string>;
  readonly behaviour: Behaviour;
  /** What is really in it, where the name promises something else. */
  readonly contents: string;
}

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const nodeMajor = process.versions.node.split(".")[0] ?? "";

export const recipes = {
  debian: {
    repository: "library/debian",
    tags: ["bookworm-slim", "bookworm", "latest"],
    version: "1",
    base: "only",
    make: async () => debianRoot,
    behaviour: { Env: [path], Cmd: ["bash"] },
    contents: "debootstrap minbase bookworm",
  },
  node: {
    repository: "library/node",
    tags: [...new Set(["20-slim", `${nodeMajor}-slim`, "20-bookworm-slim", "lts-slim", "slim"])],
    version: `${process.version}-1`,
    base: "debian",
    make: makeNode,
    behaviour: { Env: [path, `NODE_VERSION=${process.versions.node}`], Cmd: ["node"] },
    contents: `debootstrap minbase bookworm with node ${process.version} of the machine that built it`,
  },
  busybox: {
    repository: "library/busybox",
    tags: ["latest", "stable", "1"],
    version: "1",
    base: "nothing",
    make: makeBusybox,
    behaviour: { Env: [path], Cmd: ["sh"] },
    contents: "Debian's busybox-static",
  },
  python: {
    repository: "library/python",
    tags: ["3-slim", "3.11-slim", "slim"],
    version: "2",
    base: "debian",
    make: async (folder) => {
      const packages = ["python3", "python3-pip", "python3-venv", "ca-certificates"];
      const upper = await installOnDebian(folder, packages, async () => {});
      await mkdir(`${upper}/usr/local/bin`, { recursive: true });
      await symlink("/usr/bin/python3", `${upper}/usr/local/bin/python`);
      // Official images let pip install for the whole system.
      await run("find", [`${upper}/usr/lib`, "-name", "EXTERNALLY-MANAGED", "-delete"]);
      return upper;
    },
    behaviour: { Env: [path, "LANG=C.UTF-8"], Cmd: ["python3"] },
    contents: "debootstrap minbase bookworm with Debian's python3 (3.11), pip and venv",
  },
  nginx: {
    repository: "library/nginx",
    tags: ["alpine", "1-alpine", "stable-alpine", "latest"],
    version: "1",
    base: "debian",
    make: makeNginx,
    behaviour: {
      Env: [path],
      Cmd: ["nginx", "-g", "daemon off;"],
      ExposedPorts: { "80/tcp": {} },
      StopSignal: "SIGQUIT",
    },
    contents: "Debian bookworm (not Alpine) with nginx-light",
  },
  postgres: {
    repository: "library/postgres",
    tags: ["16", "15", "latest"],
    version: "1",
    base: "debian",
    make: makePostgres,
    behaviour: {
      Env: ["PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"].concat(
        "PGDATA=/var/lib/postgresql/data",
      ),
      Entrypoint: ["/usr/local/bin/docker-entrypoint.sh"],
      Cmd: ["postgres"],
      ExposedPorts: { "5432/tcp": {} },
      Volumes: { "/var/lib/postgresql/data": {} },
      StopSignal: "SIGINT",
    },
    contents: "PostgreSQL 15 of Debian bookworm, whatever the tag says",
  },
  redis: {
    repository: "library/redis",
    tags: ["7", "7-alpine", "latest"],
    version: "1",
    base: "debian",
    make: (folder) => installOnDebian(folder, ["redis-server"], async () => {}),
    behaviour: {
      Env: [path],
      WorkingDir: "/data",
      Cmd: ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no"],
      ExposedPorts: { "6379/tcp": {} },
      Volumes: { "/data": {} },
    },
    contents: "redis-server 7.0 of Debian bookworm",
  },
  haproxy: {
    repository: "library/haproxy",
    tags: ["2.8", "lts", "2.6"],
    version: "2",
    base: "debian",
    make: makeHaproxy,
    behaviour: {
      Env: [path],
      Entrypoint: ["docker-entrypoint.sh"],
      Cmd: ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
      User: "haproxy",
      WorkingDir: "/var/lib/haproxy",
      StopSignal: "SIGUSR1",
    },
    contents: "HAProxy 2.6 of Debian bookworm, whatever the tag says",
  },
  caddy: {
    repository: "library/caddy",
    tags: ["2", "2-alpine", "latest"],
    version: "3",
    base: "nothing",
    make: makeCaddy,
    behaviour: {
      Env: [path, "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"],
      WorkingDir: "/srv",
      Cmd: ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
      ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
    },
    contents: "caddy 2.6.2 of Debian bookworm beside busybox (not Alpine), whatever the tag says",
  },
} satisfies Record<string, Recipe>;

export type BaseImageName = keyof typeof recipes;

/** node and npm of this machine, with the libraries that the base lacks, and the user `node` (1000) of the official image. */
async function makeNode(folder: string): Promise<string> {
  const local = `${folder}/usr/local`;
  await mkdir(`${local}/bin`, { recursive: true });
  await copyFile(process.execPath, `${local}/bin/node`);
  await chmod(`${local}/bin/node`, 0o755);
  const libraries = (await run("ldd", [process.execPath])).matchAll(/=> (\/\S+)/g);
  for (const [, library = ""] of libraries) {
    if (existsSync(`${debianRoot}${library}`)) continue;
    // /lib is a link to /usr/lib in the base, and a layer must not put a folder in its place.
    const target = `${folder}${library.replace(/^\/lib/, "/usr/lib")}`;
    await mkdir(dirname(target), { recursive: true });
    await copyFile(library, target);
  }
  const npm = `${dirname(dirname(process.execPath))}/lib/node_modules/npm`;
  if (existsSync(npm)) {
    await cp(npm, `${local}/lib/node_modules/npm`, { recursive: true, verbatimSymlinks: true });
    for (const name of ["npm", "npx"]) {
      await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, `${local}/bin/${name}`);
    }
  }
  await mkdir(`${folder}/etc`);
  for (const file of ["passwd", "group"]) await copyFile(`${debianRoot}/etc/${file}`, `${folder}/etc/${file}`);
  await appendFile(`${folder}/etc/passwd`, "node:x:1000:1000::/home/node:/bin/bash\n");
  await appendFile(`${folder}/etc/group`, "node:x:1000:\n");
  await mkdir(`${folder}/home/node`, { recursive: true });
  await chown(`${folder}/home/node`, 1000, 1000);
  return folder;
}

async function makeBusybox(folder: string): Promise<string> {
  const root = `${folder}/root`;
  const binary = await staticBusybox(`${folder}/package`);
  for (const name of ["bin", "etc", "root", "tmp", "var"]) await mkdir(`${root}/${name}`, { recursive: true });
  await chmod(`${root}/tmp`, 0o1777);
  await copyFile(binary, `${root}/bin/busybox`);
  await chmod(`${root}/bin/busybox`, 0o755);
  for (const applet of (await run(binary, ["--list"])).split("\n")) {
    if (applet !== "busybox") await symlink("busybox", `${root}/bin/${applet}`);
  }
  await writeFile(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
  await writeFile(`${root}/etc/group`, "root:x:0:\nnogroup:x:65534:\n");
  return root;
}

/** Debian's caddy with the libraries it needs, beside busybox: the official image has no other programs either. */
async function makeCaddy(folder: string): Promise<string> {
  const root = await makeBusybox(`${folder}/busybox`);
  const installed = await installOnDebian(`${folder}/debian`, ["caddy", "ca-certificates"], async () => {});
  const program = "/usr/bin/caddy";
  const loaded = (await run("ldd", [`${installed}${program}`])).matchAll(/(?:=> )?(\/\S+) \(/g);
  const files = [program, "/etc/caddy/Caddyfile", "/etc/ssl/certs/ca-certificates.crt"];
  for (const file of [...files, ...[...loaded].map(([, library = ""]) => library)]) {
    const made = `${installed}${file}`;
    await mkdir(dirname(`${root}${file}`), { recursive: true });
    await copyFile(existsSync(made) ? made : `${debianRoot}${file}`, `${root}${file}`);
  }
  for (const name of ["config/caddy", "data/caddy", "run", "srv"]) await mkdir(`${root}/${name}`, { recursive: true });
  return root;
}

async function makeNginx(folder: string): Promise<string> {
  const upper = await installOnDebian(folder, ["nginx-light"], async () => {});
  await writeFile(
    `${upper}/etc/nginx/nginx.conf`,
    `user www-data;
pid /run/nginx.pid;
error_log /dev/stderr;
events { worker_connections 1024; }
http {
  include mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  sendfile on;
  include conf.d/*.conf;
}
`,
  );
  await mkdir(`${upper}/etc/nginx/conf.d`, { recursive: true });
  await writeFile(
    `${upper}/etc/nginx/conf.d/default.conf`,
    "server {\n  listen 80;\n  root /usr/share/nginx/html;\n  index index.html;\n}\n",
  );
  await mkdir(`${upper}/usr/share/nginx/html`, { recursive: true });
  if ((await readdir(`${upper}/usr/share/nginx/html`)).length === 0) {
    await writeFile(`${upper}/usr/share/nginx/html/index.html`, "<h1>Welcome to nginx!</h1>\n");
  }
  return upper;
}

async function makeHaproxy(folder: string): Promise<string> {
  const upper = await installOnDebian(folder, ["haproxy"], async () => {});
  const entrypoint = `${upper}/usr/local/bin/docker-entrypoint.sh`;
  await mkdir(dirname(entrypoint), { recursive: true });
  // As the official image does: master and workers, in the foreground.
  await writeFile(
    entrypoint,
    `#!/bin/sh
set -e
case "$1" in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
`,
  );
  await chmod(entrypoint, 0o755);
  return upper;
}

async function makePostgres(folder: string): Promise<string> {
  const upper = await installOnDebian(folder, ["postgresql-15"], async (root) => {
    // The package would make a cluster of its own while it is installed.
    await mkdir(`${root}/etc/postgresql-common`, { recursive: true });
    await writeFile(`${root}/etc/postgresql-common/createcluster.conf`, "create_main_cluster = false\n");
  });
  await mkdir(`${upper}/usr/local/bin`, { recursive: true });
  await writeFile(`${upper}/usr/local/bin/docker-entrypoint.sh`, postgresEntrypoint);
  await chmod(`${upper}/usr/local/bin/docker-entrypoint.sh`, 0o755);
  return upper;
}
