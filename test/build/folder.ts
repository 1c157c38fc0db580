import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What to make of a path: text of a file, a link, or a file with permissions. */
export type Content = string | { readonly link: string } | { readonly text: string; readonly mode: number };

/** A folder of real files that is gone after the test. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async of(files: Readonly<Record<string, Content>>): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), "envctl-test-")));
    for (const [path, content] of Object.entries(files)) await folder.write(path, content);
    return folder;
  }

  join(path: string): string {
    return join(this.path, path);
  }

  async write(path: string, content: Content): Promise<void> {
    const file = join(this.path, path);
    await mkdir(dirname(file), { recursive: true });
    if (typeof content === "string") return await writeFile(file, content);
    if ("link" in content) return await symlink(content.link, file);
    await writeFile(file, content.text);
    await chmod(file, content.mode);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
