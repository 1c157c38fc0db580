import { StringDecoder } from "node:string_decoder";
import type { LogLine, LogOptions } from "../engine.ts";
import type { ApiClient } from "./api.ts";
import type { ContainerInspect } from "./api-types.ts";
import { frames } from "./frames.ts";
import { textLines } from "./json-lines.ts";
import { unixTimestamp } from "./unix-timestamp.ts";

/** A container's output line by line. An abort ends the iteration quietly: that is how following ends. */
export async function* containerLogs(api: ApiClient, id: string, options: LogOptions): AsyncGenerator<LogLine> {
  const { signal } = options;
  const path = `/containers/${encodeURIComponent(id)}`;
  const doing = `reading the logs of container ${id}`;
  try {
    // The answer's media type tells only from API 1.42 on whether there is a terminal.
    const inspect = await api.call<ContainerInspect>({ method: "GET", path: `${path}/json`, doing, signal });
    const response = await api.stream({
      method: "GET",
      path: `${path}/logs`,
      query: {
        stdout: true,
        stderr: true,
        follow: options.follow,
        timestamps: options.timestamps,
        tail: options.tail ?? "all",
        since: options.since && unixTimestamp(options.since),
      },
      doing,
      signal,
    });
    try {
      yield* inspect.body.Config.Tty
        ? terminalLines(response, options.timestamps)
        : framedLines(response, options.timestamps);
    } finally {
      response.destroy();
    }
  } catch (error) {
    if (!signal?.aborted) throw api.explain(error, { doing, signal });
  }
}

async function* terminalLines(stream: AsyncIterable<Buffer>, timestamps: boolean): AsyncGenerator<LogLine> {
  for await (const line of textLines(stream)) {
    const { timestamp, text } = timestamps ? splitTimestamp(line) : { timestamp: undefined, text: line };
    yield { stream: "stdout", text: text.replace(/\r$/, ""), timestamp };
  }
}

/**
 * Joins frames into lines, for each of the two streams on its own. The engine cuts lines of more than 16 KiB into
 * several frames and puts a timestamp before each: only the first one counts.
 */
export async function* framedLines(stream: AsyncIterable<Buffer>, timestamps: boolean): AsyncGenerator<LogLine> {
  const open = { stdout: new OpenLine(), stderr: new OpenLine() };
  for await (const frame of frames(stream)) {
    const line = open[frame.stream];
    let payload = frame.payload;
    if (timestamps) {
      const space = payload.indexOf(0x20);
      line.timestamp ??= payload.subarray(0, Math.max(space, 0)).toString("latin1");
      payload = payload.subarray(space + 1);
    }
    const pieces = line.decoder.write(payload).split("\n");
    for (const [index, piece] of pieces.entries()) {
      line.text += piece;
      if (index === pieces.length - 1) break;
      yield { stream: frame.stream, text: line.text, timestamp: line.timestamp };
      line.text = "";
      line.timestamp = undefined;
    }
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const { text, timestamp } = open[stream];
    if (text !== "") yield { stream, text, timestamp };
  }
}

class OpenLine {
  readonly decoder = new StringDecoder("utf8");
  text = "";
  timestamp: string | undefined;
}

function splitTimestamp(line: string): { timestamp: string; text: string } {
  const space = line.indexOf(" ");
  return { timestamp: line.slice(0, Math.max(space, 0)), text: line.slice(space + 1) };
}
