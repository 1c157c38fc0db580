/** Somebody who is told what befalls the stages. Told is what has happened; whether it can be told changes nothing. */
export type Notification = NotificationFrame & (WebHook | LocalCommand);

interface NotificationFrame {
  /** For people: the host of the address, or the program's name, unless the file gives one. */
  readonly name: string;
  readonly events: readonly NotificationEvent[];
  /** Names of stages; undefined for all. */
  readonly stages: readonly string[] | undefined;
}

interface WebHook {
  readonly kind: "webhook";
  /** May hold a secret in its path or query: shown by its origin alone. */
  readonly url: string;
  /** Name of the variable whose value signs the body. */
  readonly secret: string | undefined;
  /** The event as it is, or one sentence in a field that chat services show: `{"text": …}`. */
  readonly body: "event" | "text";
}

interface LocalCommand {
  readonly kind: "command";
  /**
   * Run on this machine in the folder of the environment file, with the event on its standard input. Its arguments may hold a
   * secret: shown by the program alone.
   */
  readonly command: readonly string[];
}

export const notificationEvents = [
  "up",
  "promote",
  "rollback",
  "down",
  "verify",
  "override",
  "approve",
  "failed",
] as const;

/** `failed` is any of the others that failed. */
export type NotificationEvent = (typeof notificationEvents)[number];
