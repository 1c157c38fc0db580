import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** `sockaddr_un` holds 104 bytes on BSD and macOS; ssh first binds a name that is 17 longer. */
const longestPath = 104 - 1 - 17;

/**
 * Ends the shared connections and removes the folder when this program is gone without having done so: `read`
 * returns once the other end of its standard input is closed, by SIGKILL too. Nothing but the folder's own name
 * goes into it.
 */
const guardScript = `read -r _
for socket in "$1"/*; do
  [ -S "$socket" ] && ssh -F none -o ProxyCommand=false -S "$socket" -O exit -- host
done
rm -rf -- "$1"`;

/** A private folder for the sockets of shared ssh connections, which cleans up after a crash. One for all hosts. */
export class ControlFolder {
  static #shared: Promise<ControlFolder | undefined> | undefined;
  #users = 0;
  #removed = false;
  readonly #path: string;
  readonly #guard: ChildProcess;
  #next = 0;

  private constructor(path: string) {
    this.#path = path;
    this.#guard = spawn("/bin/sh", ["-c", guardScript, "envctl-ssh-guard", path], {
      stdio: ["pipe", "ignore", "ignore"],
      // In a session of its own: Ctrl-C at the terminal must not end it before us.
      detached: true,
    });
    this.#guard.on("error", () => {}); // Without a shell there is no guard; closing cleans up all the same.
    this.#guard.stdin?.on("error", () => {});
    this.#guard.unref();
    const pipe = this.#guard.stdin;
    if (pipe && "unref" in pipe && typeof pipe.unref === "function") pipe.unref();
  }

  /** To be left again. Undefined where connections cannot be shared: no Unix sockets, or no path short enough. */
  static async share(): Promise<ControlFolder | undefined> {
    ControlFolder.#shared ??= ControlFolder.#make();
    const folder = await ControlFolder.#shared;
    if (!folder) return undefined;
    // Its last user may have left it while we waited.
    if (folder.#removed) return ControlFolder.share();
    folder.#users += 1;
    return folder;
  }

  static async #make(): Promise<ControlFolder | undefined> {
    if (process.platform === "win32") return undefined;
    for (const parent of [process.env.XDG_RUNTIME_DIR, tmpdir(), "/tmp"]) {
      // ssh expands `%`, `~` and `$` in this path.
      if (!parent || !/^[\w./-]+$/.test(parent) || join(parent, "envctl-ssh-XXXXXX", "99").length > longestPath)
        continue;
      const path = await mkdtemp(join(parent, "envctl-ssh-")).catch(() => undefined);
      if (path === undefined) continue;
      if (await takesSockets(path)) return new ControlFolder(path);
      await rm(path, { recursive: true, force: true });
    }
    return undefined;
  }

  /** A path for another socket. */
  socket(): string {
    this.#next += 1;
    return join(this.#path, String(this.#next));
  }

  /** The last one to leave removes it. */
  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#removed = true;
    ControlFolder.#shared = undefined;
    this.#guard.kill("SIGKILL");
    this.#guard.stdin?.destroy();
    await rm(this.#path, { recursive: true, force: true });
  }
}

/** Some file systems (shares, mounts of virtual machines) hold no sockets. */
function takesSockets(folder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(join(folder, "0"), () => server.close(() => resolve(true)));
  });
}
