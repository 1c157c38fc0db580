/** Labels by which envctl finds again what it made: state lives on the hosts. */
export const Label = {
  environment: "envctl.environment",
  stage: "envctl.stage",
  /** `app`, `service`, `task`, `network`, `volume`, `lock`, `proxy`. */
  role: "envctl.role",
  /** `app` or the service's name. */
  workload: "envctl.workload",
  replica: "envctl.replica",
  release: "envctl.release",
  digest: "envctl.digest",
  generation: "envctl.generation",
  configHash: "envctl.config-hash",
  /** On containers of a release: where its program listens, and how it is told that it serves, as JSON. */
  endpoint: "envctl.endpoint",
  /** On containers that `envctl dev` made: what of their configuration is not the stage's; files may be synced into them. */
  dev: "envctl.dev",
  /** Program of a proxy: `caddy`, `haproxy`. */
  proxyDriver: "envctl.proxy-driver",
} as const;

export type Labels = Readonly<Record<string, string>>;
