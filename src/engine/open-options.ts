/** How to open an engine, whatever its kind. */
export interface OpenOptions {
  readonly signal?: AbortSignal;
  /** Instead of the process's own variables (`DOCKER_HOST`, `DOCKER_CONTEXT`, `ENVCTL_SSH_CONFIG`, …). */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** True where a person sits at a terminal, so that ssh may ask for a passphrase. */
  readonly interactive?: boolean;
  /** Compress what goes over SSH. */
  readonly compress?: boolean;
}
