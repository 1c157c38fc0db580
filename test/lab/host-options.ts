/** How a host differs from an ordinary one. All of these are there to be complained about by envctl. */
export interface HostOptions {
  /** Containers outlive the engine's death. Default: no. */
  readonly liveRestore?: boolean;
  /** The engine also listens on TCP 2376 and asks for a client certificate. */
  readonly tls?: boolean;
  /** What this machine's known_hosts says of the host. Default: `known`. */
  readonly hostKey?: "known" | "unknown" | "changed";
  /** `refused`: our key is not among its authorized keys. Default: `accepted`. */
  readonly login?: "accepted" | "refused";
  /**
   * What a login finds there. `forbidden`: it may not open the engine's socket; `absent`: no docker command at all;
   * `stopped`: the command, but no engine running. Default: `usable`.
   */
  readonly docker?: "usable" | "forbidden" | "absent" | "stopped";
  /** The engine's data lie on a file system of only this size (`64m`), as mount(8) writes tmpfs sizes. */
  readonly disk?: string;
  /** Seconds between the SSH server's questions whether a client still lives: three without an answer end its session. */
  readonly clientAliveInterval?: number;
}
