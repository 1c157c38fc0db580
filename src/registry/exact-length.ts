import { Transform, type TransformCallback } from "node:stream";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** Passes content on and fails if it is longer or shorter than was said. */
export class ExactLength extends Transform {
  #left: number;
  readonly #name: string;

  constructor(length: number, name: string) {
    super();
    this.#left = length;
    this.#name = name;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left < 0) done(this.#wrong());
    else done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    done(this.#left === 0 ? null : this.#wrong());
  }

  #wrong(): EnvctlError {
    return new EnvctlError({
      code: "digest-mismatch",
      exitCode: ExitCode.identityMismatch,
      what: `the content of ${this.#name} has another length than its manifest says`,
      state: "it was not passed on",
      next: "push the image again",
    });
  }
}
