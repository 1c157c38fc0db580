export const kinds = ["dockerfile", "node", "node-static", "python", "go", "java", "rust", "static"] as const;
export type Kind = (typeof kinds)[number];

/** What a folder holds, as far as a template wants to know it. */
export interface Detection {
  readonly kind: Kind;
  /** For people: what was found, such as `package.json (pnpm, Node 22)`. */
  readonly found: string;
  readonly port: number;
  readonly health: Health;
  /** What the template's `{{…}}` are replaced by, beside the name and the port. Empty ones leave their lines out. */
  readonly values: Readonly<Record<string, string>>;
  /** What a person should look at, because the files did not tell it for sure. */
  readonly notes: readonly string[];
}

/** How to tell that the program is ready: a path that answers, the port alone, or what the image says itself. */
export type Health = { readonly path: string } | "port" | "image";

/** The files of a folder, read when asked for. */
export interface Folder {
  /** Names in the folder, or in one below it; none where there is no such folder. */
  list(below?: string): readonly string[];
  /** True for files, false for folders. */
  has(file: string): boolean;
  /** Undefined where there is no such file, or where it is too big to be one that a person wrote. */
  read(file: string): string | undefined;
}
