import type { ReadStream } from "node:tty";

/** Single keys of a person at the terminal, for as long as nobody else reads them. */
export class Keys {
  readonly #stream: ReadStream;
  readonly #onKey: (key: string) => void;
  #listening = false;

  constructor(stream: ReadStream, onKey: (key: string) => void) {
    this.#stream = stream;
    this.#onKey = onKey;
  }

  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#stream.setRawMode(true);
    this.#stream.ref?.();
    this.#stream.resume();
    this.#stream.on("data", this.#read);
  }

  release(): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.#stream.off("data", this.#read);
    this.#stream.setRawMode(false);
    this.#stream.pause();
    // A stdin that is still open would keep the process alive.
    this.#stream.unref?.();
  }

  readonly #read = (chunk: Buffer) => {
    const text = chunk.toString("utf8");
    // A key such as an arrow is a sequence, and none of ours.
    if (text.startsWith("\u001b")) return;
    for (const key of text) {
      // In this mode the terminal makes no signal of it.
      if (key === "\u0003") process.kill(process.pid, "SIGINT");
      else this.#onKey(key);
    }
  };
}
