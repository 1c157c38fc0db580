import { once } from "node:events";
import type { Duplex, Writable } from "node:stream";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { ExecOptions } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import { frames } from "./frames.ts";

/**
 * Runs a command in a running container and resolves with its exit code. An abort ends the connection; the engine
 * has no way to end the command itself.
 */
export async function runInContainer(api: ApiClient, id: string, options: ExecOptions): Promise<number> {
  const { signal, terminal } = options;
  const doing = `running ${options.command[0] ?? "a command"} in container ${id}`;
  const created = await api.call<{ readonly Id: string }>({
    method: "POST",
    path: `/containers/${encodeURIComponent(id)}/exec`,
    body: {
      AttachStdin: options.stdin !== undefined,
      AttachStdout: true,
      AttachStderr: true,
      Tty: terminal !== undefined,
      Cmd: options.command,
      Env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
      User: options.user,
    },
    doing,
    secrets: options.env,
    signal,
  });
  const path = `/exec/${created.body.Id}`;
  const connection = await api.upgrade({
    method: "POST",
    path: `${path}/start`,
    body: { Detach: false, Tty: terminal !== undefined },
    doing,
    secrets: options.env,
    signal,
  });
  const abort = () => connection.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    if (terminal) followTerminalSize(api, path, terminal, options);
    feed(options, connection);
    if (terminal) {
      for await (const chunk of connection) await write(options.stdout, chunk);
    } else {
      for await (const frame of frames(connection)) await write(options[frame.stream], frame.payload);
    }
  } catch (error) {
    throw api.explain(error, { doing, signal });
  } finally {
    signal?.removeEventListener("abort", abort);
    options.stdin?.unpipe(connection);
    connection.destroy();
  }
  signal?.throwIfAborted();
  return await exitCode(api, path, doing, options);
}

/** The end of the input is passed on, so that `cat` ends; errors of the connection come out where it is read. */
function feed(options: ExecOptions, connection: Duplex): void {
  connection.on("error", () => {});
  if (options.stdin) options.stdin.pipe(connection);
  else connection.end();
}

/** A size that comes when the command has ended is late, and no error. */
function followTerminalSize(
  api: ApiClient,
  path: string,
  terminal: { readonly columns: number; readonly rows: number },
  options: ExecOptions,
): void {
  const resize = (columns: number, rows: number) => {
    const query = { w: columns, h: rows };
    api
      .call({ method: "POST", path: `${path}/resize`, query, doing: "resizing the terminal", signal: options.signal })
      .catch(() => {});
  };
  resize(terminal.columns, terminal.rows);
  options.onResize?.(resize);
}

async function write(target: Writable, chunk: Buffer): Promise<void> {
  if (!target.write(chunk)) await once(target, "drain");
}

async function exitCode(api: ApiClient, path: string, doing: string, options: ExecOptions): Promise<number> {
  const attempts = 50;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { body } = await api.call<{ readonly Running?: boolean; readonly ExitCode?: number | null }>({
      method: "GET",
      path: `${path}/json`,
      doing,
      signal: options.signal,
    });
    // The output ends a moment before the engine has noted the exit code.
    if (body.Running !== true && typeof body.ExitCode === "number") return body.ExitCode;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new EnvctlError({
    code: "exit-code-unknown",
    exitCode: ExitCode.failed,
    what: `${doing}: the connection ended while the command still runs`,
    where: api.where,
  });
}
