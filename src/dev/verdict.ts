/** Names or numbers, as `COPY --chown` takes them. */
export interface Owner {
  readonly user: string;
  readonly group: string;
}

export interface SyncTarget {
  /** Absolute path in the container. */
  readonly path: string;
  /** Undefined for root. */
  readonly owner: Owner | undefined;
  /** From `--chmod`; undefined for the file's own. */
  readonly mode: number | undefined;
}

export type Verdict =
  | { readonly action: "ignore"; readonly why: string }
  | { readonly action: "rebuild"; readonly why: string; readonly at: string | undefined }
  | {
      readonly action: "sync";
      readonly targets: readonly SyncTarget[];
      readonly restart: boolean;
      readonly run: readonly (readonly string[])[];
      readonly why: string;
      readonly at: string | undefined;
    };
