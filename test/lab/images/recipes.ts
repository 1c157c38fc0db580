import { debianRoot, installOnDebian } from "./debian-root.ts";
import type { Behaviour } from "./image-store.ts";
import { makeBusybox, makeCaddy, makeHaproxy, makeNginx, makeNode, makePostgres, makePython } from "./layers.ts";

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

/** Minimal Debian with these packages, and nothing else about it. */
const withPackages =
  (...packages: readonly string[]) =>
  (folder: string) =>
    installOnDebian(folder, packages, async () => {});

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
    make: makePython,
    behaviour: { Env: [path, "LANG=C.UTF-8"], Cmd: ["python3"] },
    contents: "debootstrap minbase bookworm with Debian's python3 (3.11), pip and venv",
  },
  golang: {
    repository: "library/golang",
    tags: ["1", "1.19", "latest"],
    version: "1",
    base: "debian",
    make: withPackages("golang-go", "ca-certificates"),
    behaviour: { Env: [path, "GOPATH=/go", "GOTOOLCHAIN=local"], WorkingDir: "/go", Cmd: ["bash"] },
    contents: "Go 1.19 of Debian bookworm, whatever the tag says",
  },
  rust: {
    repository: "library/rust",
    tags: ["1-bookworm", "1", "latest"],
    version: "1",
    base: "debian",
    make: withPackages("cargo", "ca-certificates"),
    behaviour: { Env: [path, "CARGO_HOME=/usr/local/cargo"], Cmd: ["bash"] },
    contents: "cargo and rustc 1.63 of Debian bookworm, whatever the tag says",
  },
  gradle: {
    repository: "library/gradle",
    tags: ["jdk17", "latest"],
    version: "1",
    base: "debian",
    make: withPackages("gradle", "openjdk-17-jdk-headless"),
    behaviour: { Env: [path, "GRADLE_USER_HOME=/home/gradle/.gradle"], WorkingDir: "/home/gradle", Cmd: ["gradle"] },
    contents: "Gradle 4.4 and OpenJDK 17 of Debian bookworm",
  },
  temurin: {
    repository: "library/eclipse-temurin",
    tags: ["17-jre", "17"],
    version: "1",
    base: "debian",
    make: withPackages("openjdk-17-jre-headless"),
    behaviour: { Env: [path, "LANG=C.UTF-8"], Cmd: ["java", "-version"] },
    contents: "OpenJDK 17 of Debian bookworm (not Temurin)",
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
    make: withPackages("redis-server"),
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
