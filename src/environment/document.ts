import type { GateName } from "./gates.ts";
import type { NotificationEvent } from "./notification.ts";

/** The environment file as it is written, after its shape was checked. Keys as in `schemas/envctl.schema.json`. */
export interface EnvironmentDocument {
  readonly name: string;
  readonly image: {
    readonly repository: string;
    readonly context?: string;
    readonly dockerfile?: string;
    readonly target?: string;
    readonly args?: EnvDocument;
    readonly secrets?: readonly string[];
    readonly platforms?: readonly string[];
  };
  readonly app?: WorkloadDocument;
  readonly proxy?: ProxyDocument;
  readonly workers?: Readonly<Record<string, WorkerDocument>>;
  readonly services?: Readonly<Record<string, ServiceDocument>>;
  readonly tasks?: Readonly<Record<string, TaskDocument>>;
  readonly dev?: DevDocument;
  readonly notify?: readonly NotificationDocument[];
  readonly stages: Readonly<Record<string, StageDocument | null>>;
}

export interface NotificationDocument {
  readonly name?: string;
  readonly webhook?: string;
  readonly command?: CommandDocument;
  readonly secret?: string;
  readonly body?: "event" | "text";
  readonly on?: readonly NotificationEvent[];
  readonly stages?: readonly string[];
}

export type EnvDocument = Readonly<Record<string, unknown>> | readonly string[];
export type CommandDocument = string | readonly string[];

export interface WorkloadDocument {
  readonly command?: CommandDocument;
  readonly entrypoint?: CommandDocument;
  readonly user?: string;
  readonly port?: number;
  readonly env?: EnvDocument;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly health?: HealthDocument | false;
  readonly stop?: { readonly signal?: string; readonly grace?: string };
  readonly resources?: ResourcesDocument;
}

export interface ResourcesDocument {
  readonly memory?: string | number;
  readonly cpus?: number;
}

export interface HealthDocument {
  readonly path?: string;
  readonly tcp?: true | number;
  readonly command?: CommandDocument;
  readonly port?: number;
  readonly interval?: string;
  readonly timeout?: string;
  readonly retries?: number;
}

export interface ServiceDocument extends WorkloadDocument {
  readonly image: string;
  readonly stages?: readonly string[];
  readonly ports?: readonly (string | number)[];
  readonly env_file?: string | readonly string[];
}

export interface WorkerDocument extends WorkloadDocument {
  readonly command: CommandDocument;
  readonly stages?: readonly string[];
  readonly env_file?: string | readonly string[];
  readonly replicas?: number;
  readonly hosts?: "all" | "first";
}

interface TaskDocument {
  readonly command: CommandDocument;
  readonly when?: "manual" | "before-build" | "after-build" | "before-switch" | "after-switch";
  readonly timeout?: string;
}

export interface DevDocument {
  readonly sync?: "infer" | "none";
  readonly rules?: readonly SyncRuleDocument[];
  readonly command?: CommandDocument;
  readonly entrypoint?: CommandDocument;
  readonly env?: EnvDocument;
  readonly ports?: readonly (string | number)[];
  readonly reload?: boolean | number;
}

export interface SyncRuleDocument {
  readonly path: string;
  readonly target?: string;
  readonly action: "sync" | "sync+restart" | "rebuild" | "ignore";
  readonly run?: CommandDocument;
}

export interface ProxyDocument {
  readonly driver?: "caddy" | "haproxy";
  readonly image?: string;
  readonly path?: string;
  readonly strip_path?: boolean;
  readonly tls?:
    | "auto"
    | "internal"
    | "off"
    | { readonly email?: string; readonly directory?: string; readonly certificate?: string; readonly key?: string };
  readonly http_port?: number;
  readonly https_port?: number;
  readonly max_body?: string | number;
  readonly response_timeout?: string;
  readonly drain?: string;
  readonly trusted_proxies?: readonly string[];
  readonly access_log?: boolean;
  readonly error_page?: string;
  readonly maintenance_page?: string;
}

export type HostDocument =
  | string
  | {
      readonly address: string;
      readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
    };

export interface GatesDocument {
  readonly soak?: string;
  readonly approvals?:
    | number
    | { readonly count: number; readonly by?: readonly string[]; readonly not_author?: boolean };
  readonly window?: string | readonly string[];
  readonly freezes?: readonly FreezeDocument[];
  readonly max_age?: string;
  readonly git?: {
    readonly clean?: boolean;
    readonly branches?: readonly string[];
    readonly signed?: boolean;
  };
  readonly image?: {
    readonly non_root?: boolean;
    readonly no_latest_base?: boolean;
    readonly max_size?: string | number;
    readonly vulnerabilities?: { readonly max: Readonly<Record<string, number>>; readonly max_age?: string };
    readonly sbom?: {
      readonly required?: boolean;
      readonly forbid?: readonly string[];
      readonly licenses?: { readonly forbid: readonly string[] };
    };
  };
  readonly provenance?: boolean;
  readonly overridable?: readonly GateName[];
}

export interface FreezeDocument {
  readonly from: string;
  readonly to: string;
  readonly zone: string;
  readonly reason?: string;
}

export interface StageDocument {
  readonly after?: string | readonly string[];
  readonly hosts?: HostDocument | readonly HostDocument[];
  readonly repository?: string;
  readonly ports?: readonly (string | number)[];
  readonly env?: EnvDocument;
  readonly env_file?: string | readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly replicas?: number;
  readonly resources?: ResourcesDocument;
  readonly auto?: boolean | { readonly branch?: string; readonly tags?: string };
  readonly domain?: string | readonly string[];
  readonly proxy?: ProxyDocument | false;
  readonly verify?: VerifyDocument;
  readonly rollout?: {
    readonly strategy?: "rolling" | "blue-green" | "recreate" | "canary";
    readonly batch?: number;
    readonly max_unavailable?: number;
    readonly canary?: CanaryDocument;
    readonly pause?: string;
    readonly on_failure?: "rollback" | "stop";
    readonly keep?: number;
    readonly timeout?: string;
  };
  readonly gates?: GatesDocument;
}

interface CanaryDocument {
  readonly weight?: number | readonly number[];
  readonly hosts?: number;
  readonly bake?: string;
  readonly max_error_rate?: number;
  readonly min_requests?: number;
}

export type VerifyDocument =
  | readonly CheckDocument[]
  | { readonly checks?: readonly CheckDocument[]; readonly on_failure?: "keep" | "rollback" };

export interface CheckDocument {
  readonly name: string;
  readonly timeout?: string;
  readonly retries?: number;
  readonly interval?: string;
  readonly http?: HttpCheckDocument;
  readonly tcp?: TcpCheckDocument;
  readonly run?: CommandDocument;
  readonly local?: CommandDocument;
  readonly junit?: string;
}

export interface HttpCheckDocument {
  readonly path?: string;
  readonly url?: string;
  readonly port?: number;
  readonly method?: string;
  readonly status?: StatusDocument;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expect_headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly within?: string;
}

export type StatusDocument = string | number | readonly (string | number)[];

export interface TcpCheckDocument {
  readonly port?: number;
  readonly service?: string;
}
