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
  readonly services?: Readonly<Record<string, ServiceDocument>>;
  readonly tasks?: Readonly<Record<string, TaskDocument>>;
  readonly dev?: object;
  readonly stages: Readonly<Record<string, StageDocument | null>>;
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

interface TaskDocument {
  readonly command: CommandDocument;
  readonly when?: string;
  readonly timeout?: string;
}

export type HostDocument =
  | string
  | {
      readonly address: string;
      readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
    };

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
  readonly rollout?: {
    readonly batch?: number;
    readonly pause?: string;
    readonly on_failure?: "rollback" | "stop";
    readonly keep?: number;
    readonly timeout?: string;
  };
}
