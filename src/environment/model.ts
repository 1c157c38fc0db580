import type { Bytes } from "../base/bytes.ts";
import type { Duration } from "../base/duration.ts";
import type { HostAddress } from "../base/host.ts";
import type { ImageReference } from "../base/reference.ts";
import type { Auto } from "./auto.ts";
import type { Gates } from "./gates.ts";
import type { Notification } from "./notification.ts";
import type { Verification } from "./verification.ts";

/** One environment file, parsed, validated, interpolated and completed with defaults. Plain data. */
export interface Environment {
  readonly name: string;
  /** Absolute path of the environment file. Relative paths below are resolved against its folder. */
  readonly file: string;
  readonly directory: string;
  readonly image: ImageDefinition;
  /** In the order of promotion: a stage stands behind all stages it comes after. */
  readonly stages: readonly Stage[];
  readonly tasks: readonly Task[];
  /** The app as no stage changes it: what the tasks of a build are run like. */
  readonly app: Workload;
  readonly dev: DevSettings;
  readonly notify: readonly Notification[];
  /** Absolute paths of all files that an `env_file` names. */
  readonly envFiles: readonly string[];
}

/** What `envctl dev` does when files change, and what it runs differently from the release. */
export interface DevSettings {
  /** What to do for paths that no rule matches: read it from the Dockerfile, or rebuild. */
  readonly sync: "infer" | "none";
  /** The first that matches counts, before anything is inferred. */
  readonly rules: readonly SyncRule[];
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Published in addition to the stage's. */
  readonly ports: readonly PortBinding[];
  /** Where browsers are told to reload: a port of the developer's machine. */
  readonly reload: { readonly port: number } | undefined;
}

export interface SyncRule {
  /** A pattern as in `.dockerignore`, relative to the folder of the environment file. */
  readonly path: string;
  /** Absolute in the container; undefined for where the Dockerfile copies it. A slash at its end means a folder. */
  readonly target: string | undefined;
  readonly action: "sync" | "sync+restart" | "rebuild" | "ignore";
  /** Run in the container after the sync. */
  readonly run: readonly string[] | undefined;
  readonly position: SourcePosition;
}

/** What to build. Not one field of it can differ between stages. */
export interface ImageDefinition {
  /** Host of the registry; undefined means the embedded registry. */
  readonly registry: string | undefined;
  readonly path: string;
  /** Absolute path of the build context. */
  readonly context: string;
  /** Absolute path of the Dockerfile. */
  readonly dockerfile: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Names of build secrets (BuildKit secret ids). */
  readonly secrets: readonly string[];
  /** `os/architecture[/variant]`; empty means the builder's own. */
  readonly platforms: readonly string[];
}

/** One stage with everything resolved: what runs there, and where. */
export interface Stage {
  readonly name: string;
  /** Stages a release must have run in before. Empty for a first stage. */
  readonly after: readonly string[];
  readonly hosts: readonly HostAddress[];
  /** Where this stage's hosts pull from; the image's own repository unless the stage names another. */
  readonly repository: { readonly registry: string | undefined; readonly path: string };
  /** All ports of the app that its hosts publish, in the order of the file: by the app's containers, or by a proxy. */
  readonly ports: readonly PortBinding[];
  readonly app: Workload;
  readonly workers: readonly Worker[];
  readonly services: readonly Service[];
  /** The reverse proxy in front of the app; undefined where clients reach the app itself, or nobody does. */
  readonly proxy: StageProxy | undefined;
  readonly rollout: Rollout;
  /** What happens by itself while `envctl watch` runs; undefined for nothing. */
  readonly auto: Auto | undefined;
  readonly gates: Gates;
  readonly verify: Verification;
}

/** How a reverse proxy on each host of a stage serves its app. */
export interface StageProxy {
  readonly driver: "caddy" | "haproxy";
  /** As written in the file; undefined for the driver's own image. */
  readonly imageText: string | undefined;
  /** Names served at `httpPort` and `httpsPort` of a proxy that all stages on the host share; empty for none. */
  readonly domains: readonly string[];
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Ports that a proxy of the stage's own publishes, in place of the app's containers. */
  readonly ports: readonly PortBinding[];
  /** Port on which the app speaks HTTP. */
  readonly appPort: number;
  readonly path: string;
  readonly stripPath: boolean;
  readonly tls: ProxyTls;
  readonly maxBody: number | undefined;
  readonly responseTimeout: Duration;
  readonly drain: Duration;
  /** Networks (CIDR) and addresses whose word about the way a request came is believed. */
  readonly trustedProxies: readonly string[];
  readonly accessLog: boolean;
  /** HTML. */
  readonly errorPage: string | undefined;
  readonly maintenancePage: string | undefined;
}

export type ProxyTls =
  | { readonly kind: "off" }
  | { readonly kind: "internal" }
  | { readonly kind: "auto"; readonly email: string | undefined; readonly directory: string | undefined }
  /** Absolute paths of PEM files on this machine. */
  | { readonly kind: "own"; readonly certificate: string; readonly key: string };

/** How one container is to run, whichever image it runs. */
export interface Workload {
  /** `app`, or the service's name: also the network alias. */
  readonly name: string;
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly user: string | undefined;
  /** Port the program listens on inside the container. */
  readonly port: number | undefined;
  readonly ports: readonly PortBinding[];
  readonly health: Health | undefined;
  /** Whether the image's own HEALTHCHECK counts, too. */
  readonly imageHealth: boolean;
  /** Without secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Names only; values are looked up when a container is created. */
  readonly secrets: readonly string[];
  readonly volumes: readonly VolumeMount[];
  readonly stop: { readonly signal: string | undefined; readonly grace: Duration };
  readonly resources: { readonly memory: Bytes | undefined; readonly cpus: number | undefined };
  readonly replicas: number;
  /** For what `envctl dev` runs: in what it differs from the stage (`command, env DEBUG`), empty for nothing. */
  readonly dev?: string;
}

/** Another program of the release, beside the app and with what the app is given; nobody reaches it from outside. */
export interface Worker extends Workload {
  /** On all hosts of the stage, or on its first alone. */
  readonly place: "all" | "first";
}

/** Middleware beside the app: its own image, pinned in `envctl.lock`. */
export interface Service extends Workload {
  readonly image: ImageReference;
  /** As written in the file: the key of its entry in the lock file. */
  readonly imageText: string;
}

export interface PortBinding {
  /** Address on the host to bind; undefined binds all. */
  readonly address: string | undefined;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

export interface VolumeMount {
  readonly kind: "volume" | "bind";
  /** Name of a volume (envctl prefixes it with environment and stage), or an absolute path on the host. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export type Health = HealthTiming &
  (
    | { readonly kind: "http"; readonly path: string; readonly port: number }
    | { readonly kind: "tcp"; readonly port: number }
    | { readonly kind: "command"; readonly command: readonly string[] }
  );

interface HealthTiming {
  readonly interval: Duration;
  readonly timeout: Duration;
  readonly retries: number;
}

/** A one-off container of the release's image. */
export interface Task {
  readonly name: string;
  readonly command: readonly string[];
  readonly when: "manual" | "before-build" | "after-build" | "before-switch" | "after-switch";
  readonly timeout: Duration;
}

export interface Rollout {
  readonly strategy: "rolling" | "blue-green" | "recreate" | "canary";
  /** How many hosts are worked at once. */
  readonly batch: number;
  /** How many hosts may be without the app at once. */
  readonly maxUnavailable: number;
  readonly pause: Duration;
  readonly onFailure: "rollback" | "stop";
  /** How many earlier releases stay on each host for `rollback`. */
  readonly keep: number;
  /** How long a new container may take to become healthy. */
  readonly timeout: Duration;
  readonly canary: Canary;
}

/** What `strategy: canary` tries before it goes on. */
export interface Canary {
  /** Percent of the requests, step by step; empty where whole hosts are tried. */
  readonly weights: readonly number[];
  /** Hosts that are switched first, where no weights are. */
  readonly hosts: number;
  /** How long each step is watched. */
  readonly bake: Duration;
  /** Percent of answers that may be errors. */
  readonly maxErrorRate: number;
  readonly minRequests: number;
}

/** A place in a source file, one-based as editors count. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake in the environment file. All of them are reported at once. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly position: SourcePosition;
  /** Length of the text to underline, at least 1. */
  readonly length: number;
  /** Path of the key: `stages.prod.hosts[1]`. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | undefined;
}
