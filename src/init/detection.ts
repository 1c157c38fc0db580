export type Kind = "dockerfile" | "node" | "python" | "go" | "java" | "rust" | "static";
export const kinds: readonly Kind[] = ["dockerfile", "node", "python", "go", "java", "rust", "static"];

/** What a folder holds, as far as a template wants to know it. */
export interface Detection {
  readonly kind: Kind;
  readonly port: number;
  /** Path that answers once the program runs; undefined where only the port can be asked. */
  readonly healthPath: string | undefined;
  /** What the template's `{{…}}` are replaced by, beside name and port. */
  readonly values: Readonly<Record<string, string>>;
}

/** The files of a folder, read when asked for. */
export interface Folder {
  readonly names: readonly string[];
  has(file: string): boolean;
  read(file: string): string | undefined;
}
